"""Test Airflow pipelines end to end: real services, a real run, and the run's evidence.

The names here are the public API; everything else may change. Each name is imported on first access, because a pytest
session without scenarios should not wait for the imports.

PYTEST_DONT_REWRITE: this module asserts nothing, and pytest would warn in `harness watch`, which imports it first.
"""

from __future__ import annotations

import importlib
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from harness.airflow.environments import AirflowEnvironment
    from harness.airflow.facts import TaskResult
    from harness.airflow.history import EarlierRun
    from harness.engine_socket import get_engine_socket_owner, mounted_socket
    from harness.errors import (
        EngineError,
        HarnessError,
        HostLostError,
        ImageError,
        MissingObjectError,
        MissingTableError,
        RunError,
        RunOutcomeError,
        RunRefusedError,
        ServiceError,
        SettingsError,
        WorldEndedError,
    )
    from harness.evidence.aws_state import AwsState
    from harness.evidence.capped_waits import CappedWait
    from harness.evidence.evidence import Evidence
    from harness.evidence.objects import StoredObject
    from harness.evidence.tables import TableRows
    from harness.run import Run
    from harness.services.containers import Spec
    from harness.services.extra import (
        ContainerResult,
        RunningContainer,
        catalogue_image,
        run_container,
        running_container,
    )
    from harness.services.local_http import LOCAL
    from harness.services.sidecars import ContainerPastRelay, Sidecar
    from harness.services.stack import Stack
    from harness.settings import Settings
    from harness.world import World
    from harness.world_factory import WorldFactory

_FROM = {
    "harness.airflow.environments": ("AirflowEnvironment",),
    "harness.airflow.facts": ("TaskResult",),
    "harness.airflow.history": ("EarlierRun",),
    "harness.errors": (
        *("EngineError", "HarnessError", "HostLostError", "ImageError", "MissingObjectError"),
        *("RunError", "RunOutcomeError", "RunRefusedError", "ServiceError", "SettingsError"),
        *("MissingTableError", "WorldEndedError"),
    ),
    "harness.evidence.aws_state": ("AwsState",),
    "harness.evidence.capped_waits": ("CappedWait",),
    "harness.evidence.evidence": ("Evidence",),
    "harness.evidence.objects": ("StoredObject",),
    "harness.evidence.tables": ("TableRows",),
    "harness.engine_socket": ("get_engine_socket_owner", "mounted_socket"),
    "harness.run": ("Run",),
    "harness.services.containers": ("Spec",),
    "harness.services.extra": (
        "RunningContainer",
        "ContainerResult",
        "catalogue_image",
        "run_container",
        "running_container",
    ),
    "harness.services.local_http": ("LOCAL",),
    "harness.services.sidecars": ("ContainerPastRelay", "Sidecar"),
    "harness.services.stack": ("Stack",),
    "harness.settings": ("Settings",),
    "harness.world": ("World",),
    "harness.world_factory": ("WorldFactory",),
}
_MODULE_OF = {name: module for module, names in _FROM.items() for name in names}

__all__ = [
    "LOCAL",
    "AirflowEnvironment",
    "AwsState",
    "CappedWait",
    "ContainerPastRelay",
    "ContainerResult",
    "EarlierRun",
    "EngineError",
    "Evidence",
    "HarnessError",
    "HostLostError",
    "ImageError",
    "MissingObjectError",
    "MissingTableError",
    "Run",
    "RunError",
    "RunOutcomeError",
    "RunRefusedError",
    "RunningContainer",
    "ServiceError",
    "Settings",
    "SettingsError",
    "Sidecar",
    "Spec",
    "Stack",
    "StoredObject",
    "TableRows",
    "TaskResult",
    "World",
    "WorldEndedError",
    "WorldFactory",
    "catalogue_image",
    "get_engine_socket_owner",
    "mounted_socket",
    "run_container",
    "running_container",
]


def __getattr__(name: str) -> Any:
    if name not in _MODULE_OF:
        raise AttributeError(f"module 'harness' has no attribute {name!r}")
    return getattr(importlib.import_module(_MODULE_OF[name]), name)
