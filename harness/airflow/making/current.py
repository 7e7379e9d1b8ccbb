"""What the project has now: the packages of its Airflow environment, and its Python."""

from __future__ import annotations

import json
import platform
import sys
from collections.abc import Mapping
from importlib.metadata import Distribution, distributions
from importlib.util import find_spec

from packaging.utils import canonicalize_name

from harness.airflow.environments import AirflowEnvironment, find_environment
from harness.airflow.making.locks import Lock, parse_requirement
from harness.settings import Settings

HARNESS = "airflow-scenario-harness"
AIRFLOW_ITSELF = ("apache-airflow", "apache-airflow-core", "apache-airflow-task-sdk")
PROVIDERS = tuple(f"apache-airflow-providers-{name}" for name in ("amazon", "docker", "postgres", "standard"))


def current_lock(settings: Settings) -> Lock:
    """Return the project's installed packages, from which both sides of a check are resolved.

    A project without Airflow, which names no interpreter either, has this Python and the providers of the extra
    `airflow`. Raises SettingsError if `airflow_python` is invalid.
    """
    if settings.airflow_python is None and find_spec("airflow") is None:
        return Lock(sys.executable, platform.python_version(), (), PROVIDERS, "no Airflow is installed")
    return lock_environment(find_environment(settings.airflow_python))


def lock_environment(environment: AirflowEnvironment) -> Lock:
    """Return the installed packages as a lock, without the harness itself, which no run needs."""
    installed = _list_distributions(environment)
    python = {"python_version": environment.python_minor, "python_full_version": environment.python_version}
    required = _list_required(installed, python)
    lines = {name: _format_requirement(name, distribution) for name, distribution in sorted(installed.items())}
    return Lock(
        python=str(environment.python),
        python_version=environment.python_version,
        requirements=tuple(lines.values()),
        top_level=tuple(
            name if line.startswith(f"{name}==") else line
            for name, line in lines.items()
            if name not in required and name not in AIRFLOW_ITSELF
        ),
        source="the packages of the project",
        interpreter=environment.python,
        projects={
            line: tuple(installed[name].requires or ())
            for name, line in lines.items()
            if not line.startswith(f"{name}==")
        },
    )


def _list_distributions(environment: AirflowEnvironment) -> dict[str, Distribution]:
    """Return the installed distributions by normalised name.

    Of several distributions with one name the first counts.
    """
    found: dict[str, Distribution] = {}
    for distribution in distributions(path=list(environment.folders)):
        name = canonicalize_name(distribution.metadata["Name"] or "")
        if name in environment.packages and name != HARNESS:
            found.setdefault(name, distribution)
    return found


def _list_required(installed: Mapping[str, Distribution], python: Mapping[str, str]) -> set[str]:
    """Return the names that other packages require, with the extras that they ask for."""
    parsed = {name: [parse_requirement(text) for text in found.requires or []] for name, found in installed.items()}
    required: set[str] = set()
    seen = {(name, "") for name in installed}
    pending = list(seen)
    while pending:
        name, extra = pending.pop()
        for requirement in filter(None, parsed[name]):
            other = canonicalize_name(requirement.name)
            if requirement.marker and not requirement.marker.evaluate({**python, "extra": extra}):
                continue
            if other != name:
                required.add(other)
            more = {(other, wanted) for wanted in requirement.extras if other in installed} - seen
            seen |= more
            pending += more
    return required


def _format_requirement(name: str, distribution: Distribution) -> str:
    """Return the line of a requirements file: a folder and a repository stay what they are."""
    origin = json.loads(distribution.read_text("direct_url.json") or "{}")
    url = origin.get("url", "")
    if "dir_info" in origin:
        # Editable, so that the environment follows changes of the folder.
        return f"-e {url}"
    if "vcs_info" in origin:
        return f"{name} @ {origin['vcs_info']['vcs']}+{url}@{origin['vcs_info']['commit_id']}"
    return f"{name} @ {url}" if url else f"{name}=={distribution.version}"
