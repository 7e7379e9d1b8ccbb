"""Host keys: a host serves runs with its Python, packages, limits and start-up variables."""

from __future__ import annotations

import hashlib
import os
import resource
from collections.abc import Mapping
from contextlib import suppress
from pathlib import Path

from harness.airflow.environments import AirflowEnvironment
from harness.airflow.layout import CONFIG_LINK

# Prefixes of the variables that Airflow, Python and the C library read at their start. Each fork sets the others again.
STARTUP = (
    *("AIRFLOW__", "AIRFLOW_CONFIG", "_AIRFLOW", "PYTHON", "LD_", "LC_", "LANG", "TZ"),
    *("MALLOC_", "OPENBLAS_", "OMP_", "MKL_", "OTEL_", "SSL", "FSSPEC_", "SQLALCHEMY_", "PYDANTIC_", "PENDULUM_"),
    *("AIOHTTP_", "WRAPT_", "NO_COLOR", "FORCE_COLOR", "TERM", "TTY_", "COLUMNS", "LINES", "AIRFLOW_IS_"),
)
PLUGINS = "AIRFLOW__CORE__PLUGINS_FOLDER"
RUN_VARIABLES = (
    *("API_AUTH__JWT_SECRET", "CORE__DAGS_FOLDER", "CORE__FERNET_KEY", "CORE__PLUGINS_FOLDER"),
    "DATABASE__SQL_ALCHEMY_CONN",
)
LOCAL_SETTINGS = "airflow_local_settings.py"
"""Airflow imports this file of the project at its start, from the Python path, the config or the plugins folder."""
INSTALLED = (".dist-info", ".egg-link", ".egg-info", ".pth")
INSIDE = Path(__file__).parent.parent / "inside"
LIMITS = sorted(name for name in dir(resource) if name.startswith("RLIMIT_"))


def select_startup(env: Mapping[str, str]) -> dict[str, str]:
    """Return the part of a run's environment that its host must have started with."""
    excluded = {f"AIRFLOW__{name}" for name in RUN_VARIABLES}
    if Path(env.get(PLUGINS, ""), LOCAL_SETTINGS).exists():
        excluded.remove(PLUGINS)
    return {name: value for name, value in env.items() if name.startswith(STARTUP) and name not in excluded}


def host_key(airflow: AirflowEnvironment, env: Mapping[str, str]) -> str:
    """Return twelve hexadecimal digits, equal for runs that can share a host.

    A package that was installed after the host's start changes the key; the host itself detects files that change in
    place. Limits are part of the key, because a process inherits them and can't always raise them again.
    """
    # The folders may hold packages of `pip install --target`.
    python_path = list(filter(None, env.get("PYTHONPATH", "").split(os.pathsep)))
    config = find_config_folder(env)
    local = (*python_path, config, env.get(PLUGINS))
    facts = (
        (str(airflow.python), airflow.python_build),
        sorted(select_startup(env).items()),
        sorted(entry for folder in {*airflow.folders, *python_path} for entry in list_entries(folder, INSTALLED)),
        (config, [list_entries(folder, (LOCAL_SETTINGS,)) for folder in filter(None, local)]),
        sorted(list_entries(str(INSIDE), (".py",))),
        (os.nice(0), sorted(os.sched_getaffinity(0)), [resource.getrlimit(getattr(resource, name)) for name in LIMITS]),
        read_umask(),
    )
    return hashlib.sha256(repr(facts).encode()).hexdigest()[:12]


def find_config_folder(env: Mapping[str, str]) -> str | None:
    """Return the project's config folder, to which a link in the run's home leads.

    None without the link.
    """
    with suppress(OSError):
        return os.readlink(Path(env["AIRFLOW_HOME"], CONFIG_LINK))  # noqa: PTH115 - text, as for the other folders
    return None


def read_umask() -> str:
    """Return the umask's line in /proc; os.umask() would set the umask for all threads."""
    return next(line for line in Path("/proc/self/status").read_text().splitlines() if line.startswith("Umask:"))


def list_entries(folder: str, endings: tuple[str, ...]) -> list[tuple[str, int]]:
    """Return the folder's names with these endings, each with its last change (ns)."""
    entries: list[tuple[str, int]] = []
    with suppress(FileNotFoundError, NotADirectoryError), os.scandir(folder) as listing:
        for entry in listing:
            if entry.name.endswith(endings):
                entries.append((entry.name, 0))
                with suppress(FileNotFoundError):  # a broken link, or pip is removing the entry
                    entries[-1] = (entry.name, entry.stat().st_mtime_ns)
    return entries
