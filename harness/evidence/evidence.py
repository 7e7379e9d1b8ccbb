"""Evidence: objects, sidecars and warnings of a run. Plain data, JSON out; no client is kept in it."""

from __future__ import annotations

import re
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

from harness.evidence.aws_state import AwsState
from harness.evidence.normalise import normalise
from harness.evidence.objects import Objects
from harness.services.sidecars import ContainerPastRelay, Sidecar

SCHEMA_VERSION = 3


@dataclass(frozen=True)
class Evidence:
    """`objects` of MinIO, `aws` all that is in the twin. `sidecars` in the order they were started.
    `warnings`: lines of the run's log. `containers_past_relay`: made on the engine since the scenario began, by the DAG
    or by others, without the harness's labels; they are left alone.
    """

    objects: Objects = field(default_factory=dict)
    aws: AwsState = field(default_factory=AwsState)
    sidecars: tuple[Sidecar, ...] = ()
    warnings: tuple[str, ...] = ()
    containers_past_relay: tuple[ContainerPastRelay, ...] = ()

    def as_json(self) -> dict[str, Any]:
        """Without what differs from run to run: ids, names, times."""
        return {
            "schema_version": SCHEMA_VERSION,
            "objects": {
                bucket: {key: asdict(stored) for key, stored in sorted(entries.items())}
                for bucket, entries in sorted(self.objects.items())
            },
            "aws": self.aws.as_json(),
            "sidecars": [
                {
                    "image": sidecar.image,
                    "exit_code": sidecar.exit_code,
                    "output": normalise(sidecar.output),
                }
                for sidecar in self.sidecars
            ],
            "warnings": list(self.warnings),
            # Whoever else uses the engine has a part in this, so compare.py does not look at it.
            "containers_past_relay": [{"image": one.image, "name": one.name} for one in self.containers_past_relay],
        }


def find_warnings(log: str, home: Path) -> tuple[str, ...]:
    """The lines with which Airflow (3.x: `[warning  ]`, 2.11: `WARNING - `) or Python (`...Warning:`) warns.

    Normalised; `home` is the run's own folder.
    """
    lines = (line for line in log.splitlines() if re.search(r"\[warning\s*\]|WARNING - |\b\w+Warning: ", line))
    return tuple(normalise(line, {str(home): "HOME"}) for line in lines)
