"""Which host can make a run: one that started with the same Python, the same packages and the same lasting settings."""

from __future__ import annotations

import hashlib
import os
import resource
from collections.abc import Mapping
from contextlib import suppress
from pathlib import Path

from harness.airflow.environments import AirflowEnvironment

# Airflow, Python and the C library read these while they start. What every run has of its own is set anew in each fork.
LASTING = (
    *("AIRFLOW__", "AIRFLOW_CONFIG", "_AIRFLOW", "PYTHON", "LD_", "LC_", "LANG", "TZ"),
    *("MALLOC_", "OPENBLAS_", "OMP_", "MKL_", "OTEL_", "SSL", "FSSPEC_", "SQLALCHEMY_", "PYDANTIC_", "PENDULUM_"),
    *("AIOHTTP_", "WRAPT_", "NO_COLOR", "FORCE_COLOR", "TERM", "TTY_", "COLUMNS", "LINES", "AIRFLOW_IS_"),
)
OF_THE_RUN = (
    "AIRFLOW__API_AUTH__JWT_SECRET",
    "AIRFLOW__CORE__DAGS_FOLDER",
    "AIRFLOW__CORE__FERNET_KEY",
    "AIRFLOW__CORE__PLUGINS_FOLDER",
    "AIRFLOW__DATABASE__SQL_ALCHEMY_CONN",
)
INSTALLED = (".dist-info", ".egg-link", ".egg-info", ".pth")
OWN = Path(__file__).parent.parent / "inside"


def lasting(env: Mapping[str, str]) -> dict[str, str]:
    """The part of a run's environment that a host must have started with."""
    return {name: value for name, value in env.items() if name.startswith(LASTING) and name not in OF_THE_RUN}


def host_key(airflow: AirflowEnvironment, env: Mapping[str, str]) -> str:
    """Return twelve hexadecimal digits, the same for runs that one host can make."""
    facts = (
        str(airflow.python),
        airflow.python_build,
        sorted(lasting(env).items()),
        _installed(airflow, env),
        _own(),
        _limits(),
    )
    return hashlib.sha256(repr(facts).encode()).hexdigest()[:12]


def _installed(airflow: AirflowEnvironment, env: Mapping[str, str]) -> list[tuple[str, int]]:
    """What is installed, with the time of each change; a file changed in place is noticed by the host (host.settle)."""
    folders = set(airflow.folders)
    folders |= set(filter(None, env.get("PYTHONPATH", "").split(os.pathsep)))  # as `pip install --target` leaves it
    found: list[tuple[str, int]] = []
    for folder in folders:
        with suppress(FileNotFoundError, NotADirectoryError), os.scandir(folder) as entries:
            found += [(entry.name, _changed(entry)) for entry in entries if entry.name.endswith(INSTALLED)]
    return sorted(found)


def _changed(entry: os.DirEntry[str]) -> int:
    try:
        return entry.stat().st_mtime_ns
    except FileNotFoundError:  # a link to nothing, or pip is removing it
        return 0


def _limits() -> list[object]:
    """What a process has from its parent and can't always take back: a fork has the host's, and so its starter's."""
    limits = [getattr(resource, name) for name in sorted(dir(resource)) if name.startswith("RLIMIT_")]
    return [os.nice(0), sorted(os.sched_getaffinity(0)), [resource.getrlimit(limit) for limit in limits]]


def _own() -> list[tuple[str, int]]:
    return sorted((file.name, file.stat().st_mtime_ns) for file in OWN.glob("*.py"))
