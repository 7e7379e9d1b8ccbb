"""What a run left in the AWS twin, as plain data, and what of it tells why the run failed."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass, field
from typing import Any, Self

from harness.evidence.normalise import normalise
from harness.evidence.objects import Objects, StoredObject

Described = Mapping[str, Mapping[str, Any]]
"""By name, what AWS's `Describe...` answers, without times."""

STREAM = re.compile(r"(?<=/algo-\d-)\d{10}$")


@dataclass(frozen=True)
class AwsState:
    """`objects` by bucket, then key. `logs`: group -> stream -> messages. `calls` in the order of their answers, each
    with service, action, status, its parameters (JSON services) and error (code, message) if it failed.
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
        """From the document that the twin gives (harness/aws_mock/state.py)."""
        objects = {
            bucket: {key: StoredObject(**stored) for key, stored in keys.items()}
            for bucket, keys in state["objects"].items()
        }
        return cls(objects=objects, logs=state["logs"], calls=state["calls"], **state["sagemaker"])

    def as_json(self) -> dict[str, Any]:
        """Without what differs from run to run. Of calls, which ones there were, not how often somebody looked."""
        found = asdict(self)
        found["logs"] = {
            group: {
                STREAM.sub("TIME", stream): [normalise(m) for m in messages] for stream, messages in streams.items()
            }
            for group, streams in self.logs.items()
        }
        found["calls"] = sorted({f"{call['service']} {call['action']} {call['status']}" for call in self.calls})
        return found

    def hints(self) -> tuple[str, ...]:
        """One line for each failed call whose cause can be told from the rest."""
        return tuple(dict.fromkeys(hint for call in self.calls if "error" in call for hint in self._explained(call)))

    def _explained(self, call: Mapping[str, Any]) -> Iterator[str]:
        asked = call.get("parameters") or {}
        for number, variant in enumerate(asked.get("ProductionVariants", ())):
            name = variant.get("ModelName")
            if name not in self.models:
                there = ", ".join(repr(model) for model in self.models) or "none"
                where = f"EndpointConfig.ProductionVariants[{number}].ModelName"
                yield (
                    f"{call['action']} asks for the model {name!r} ({where}), which does not exist; "
                    f"there is {there} (Model.ModelName): make the two names the same"
                )
