"""The evidence of a run as plain data, without clients."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path

from harness.evidence.aws_state import AwsState
from harness.evidence.capped_waits import CappedWait
from harness.evidence.normalise import normalise
from harness.evidence.objects import Objects
from harness.evidence.tables import TableRows
from harness.services.sidecars import ContainerPastRelay, Sidecar

NOISE = re.compile(
    "Could not import graphviz"
    "|Using `httpx` with `starlette.testclient` is deprecated"
    "|Timer and timing metrics publish in seconds were deprecated"
)
"""Warnings of Airflow and its dependencies in every run of any DAG."""


@dataclass(frozen=True)
class Evidence:
    """The state of all services after a run.

    `objects` are in MinIO, `aws` in the AWS mock; `sidecars` are in order of start, `warnings` from the run's log.
    `containers_past_relay` were created on the engine since the scenario began, by the DAG or others, without the
    harness's labels; the harness leaves them running. `capped_waits` lists what `waits = "short"` changed. `tables` are
    the watched tables, by the names in `watch`.
    """

    objects: Objects = field(default_factory=dict)
    aws: AwsState = field(default_factory=AwsState)
    sidecars: tuple[Sidecar, ...] = ()
    warnings: tuple[str, ...] = ()
    containers_past_relay: tuple[ContainerPastRelay, ...] = ()
    capped_waits: tuple[CappedWait, ...] = ()
    tables: Mapping[str, TableRows] = field(default_factory=dict)


def find_warnings(log: str, home: Path) -> tuple[str, ...]:
    """Return the warnings of Airflow and Python in the log, each once, without NOISE.

    Airflow's warnings have `[warning  ]` or `WARNING - `. The lines are normalised; `home` is the folder of the run.
    """
    lines = (line for line in log.splitlines() if re.search(r"\[warning\s*\]|WARNING - |\b\w+Warning: ", line))
    return tuple(dict.fromkeys(normalise(line, {str(home): "HOME"}) for line in lines if not NOISE.search(line)))
