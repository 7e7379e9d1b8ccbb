"""Which host can make a run: one that started with the same Python, packages, limits and lasting environment."""

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
    *("API_AUTH__JWT_SECRET", "CORE__DAGS_FOLDER", "CORE__FERNET_KEY", "CORE__PLUGINS_FOLDER"),
    "DATABASE__SQL_ALCHEMY_CONN",
)
INSTALLED = (".dist-info", ".egg-link", ".egg-info", ".pth")
OWN = Path(__file__).parent.parent / "inside"
LIMITS = sorted(name for name in dir(resource) if name.startswith("RLIMIT_"))


def lasting(env: Mapping[str, str]) -> dict[str, str]:
    """The part of a run's environment that a host must have started with."""
    own = {f"AIRFLOW__{name}" for name in OF_THE_RUN}
    return {name: value for name, value in env.items() if name.startswith(LASTING) and name not in own}


def host_key(airflow: AirflowEnvironment, env: Mapping[str, str]) -> str:
    """Return twelve hexadecimal digits, the same for runs that one host can make.

    A package that was installed since the host started gives another key; of files that were changed in place the host
    takes care. Limits are a process's from its parent, which it can't always take back.
    """
    python_path = filter(None, env.get("PYTHONPATH", "").split(os.pathsep))  # as `pip install --target` fills it
    facts = (
        (str(airflow.python), airflow.python_build),
        sorted(lasting(env).items()),
        sorted(entry for folder in {*airflow.folders, *python_path} for entry in entries(folder, INSTALLED)),
        sorted(entries(str(OWN), (".py",))),
        (os.nice(0), sorted(os.sched_getaffinity(0)), [resource.getrlimit(getattr(resource, name)) for name in LIMITS]),
        umask(),
    )
    return hashlib.sha256(repr(facts).encode()).hexdigest()[:12]


def umask() -> str:
    """Python can read it only by setting it, which other threads would feel."""
    return next(line for line in Path("/proc/self/status").read_text().splitlines() if line.startswith("Umask:"))


def entries(folder: str, endings: tuple[str, ...]) -> list[tuple[str, int]]:
    """Return the names in the folder with these endings, each with the time of its last change (ns)."""
    found: list[tuple[str, int]] = []
    with suppress(FileNotFoundError, NotADirectoryError), os.scandir(folder) as listed:
        for entry in listed:
            if entry.name.endswith(endings):
                found.append((entry.name, 0))
                with suppress(FileNotFoundError):  # a link to nothing, or pip is removing it
                    found[-1] = (entry.name, entry.stat().st_mtime_ns)
    return found
