"""The state of the AWS mock after a run, and hints from it why the run failed."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Self

from harness.evidence.objects import Objects, StoredObject

Described = Mapping[str, Mapping[str, Any]]
"""Name -> answer of AWS's `Describe...`, without times."""


@dataclass(frozen=True)
class AwsState:
    """The state of the AWS mock after a run.

    `objects` by bucket, then key. `logs`: group -> stream -> messages. `calls` in order of their answers, each with
    service, action, status, and if any parameters and error (code, message). Calls of S3 have no parameters.
    """

    objects: Objects = field(default_factory=dict)
    training_jobs: Described = field(default_factory=dict)
    models: Described = field(default_factory=dict)
    endpoint_configs: Described = field(default_factory=dict)
    endpoints: Described = field(default_factory=dict)
    logs: Mapping[str, Mapping[str, Sequence[str]]] = field(default_factory=dict)
    calls: Sequence[Mapping[str, Any]] = field(default_factory=list)

    @classmethod
    def from_document(cls, state: Mapping[str, Any]) -> Self:
        """Create the state from the AWS mock's document (harness/aws_mock/state.py)."""
        objects = {
            bucket: {key: StoredObject(stored["size"], stored["sha256"]) for key, stored in keys.items()}
            for bucket, keys in state["objects"].items()
        }
        return cls(objects=objects, logs=state["logs"], calls=state["calls"], **state["sagemaker"])

    def hints(self) -> tuple[str, ...]:
        """Return one line for each failed call whose cause the rest of the state shows."""
        return tuple(dict.fromkeys(hint for call in self.calls if "error" in call for hint in self._explain(call)))

    def _explain(self, call: Mapping[str, Any]) -> Iterator[str]:
        if call["action"] != "CreateEndpointConfig":
            return
        parameters = call.get("parameters") or {}
        for number, variant in enumerate(parameters.get("ProductionVariants", ())):
            name = variant.get("ModelName")
            if name not in self.models:
                models = ", ".join(repr(model) for model in self.models) or "none"
                path = f"EndpointConfig.ProductionVariants[{number}].ModelName"
                yield (
                    f"{call['action']} refers to the model {name!r} ({path}), which does not exist; "
                    f"existing models: {models} (Model.ModelName): make the two names the same"
                )
