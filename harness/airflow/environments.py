"""Airflow environments: the interpreter that runs `airflow`, and its installed packages."""

from __future__ import annotations

import json
import subprocess
import sys
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cache
from importlib.util import find_spec
from pathlib import Path
from typing import Any

from harness.errors import SettingsError

INSIDE = Path(__file__).parent / "inside"
TIMEOUT = 60.0
"""Seconds to describe an interpreter. This usually takes 0.1 s, longer if the disk cache is cold."""
SET_IT = (
    "set airflow_python in pyproject's [tool.harness] or HARNESS_AIRFLOW_PYTHON to the Python of the environment that "
    "has your Airflow"
)


@dataclass(frozen=True)
class AirflowEnvironment:
    """An Airflow installation, identified by its interpreter.

    `python` is not resolved, as the interpreter of a virtual environment is a link. `python_version` is like `3.12.1`,
    `python_build` is `sys.version`, `packages` maps normalised name to version. `folders` are those of `sys.path`, none
    for an image. `base_prefix` is the installation from which a virtual environment was created. `image` is the
    reference of the image that holds the interpreter, None for this machine.
    """

    python: Path
    python_version: str
    python_build: str
    packages: Mapping[str, str]
    folders: tuple[str, ...]
    base_prefix: Path = Path("/usr")
    image: str | None = None

    @property
    def airflow_version(self) -> str:
        """Version of apache-airflow, e.g. `3.3.2`; empty without Airflow.

        In 3.x the empty distribution `apache-airflow` may be missing.
        """
        return self.packages.get("apache-airflow") or self.packages.get("apache-airflow-core") or ""

    @property
    def line(self) -> str:
        """The minor version of Airflow, e.g. `3.3`."""
        return ".".join(self.airflow_version.split(".")[:2])

    @property
    def major(self) -> int:
        """The major version of Airflow: 2 or 3."""
        return int(self.airflow_version.split(".")[0])

    @property
    def python_minor(self) -> str:
        """The minor version of Python, e.g. `3.12`."""
        return ".".join(self.python_version.split(".")[:2])

    @property
    def airflow_packages(self) -> dict[str, str]:
        """Airflow's distributions and providers with their versions, sorted by name."""
        return {name: self.packages[name] for name in sorted(self.packages) if name.startswith("apache-airflow")}

    def airflow(self, *arguments: str) -> list[str]:
        """Return the command `airflow ARGUMENT...` of this environment."""
        return [str(self.python), "-m", "airflow", *arguments]

    def dags_test(self, dags_folder: Path, *arguments: str) -> list[str]:
        """Return the command `airflow dags test ARGUMENT...` for the DAGs in the folder."""
        command = ("dags", "test", *arguments)
        if self.line == "3.0":  # its command does not put the folder on sys.path, as the other lines do
            return self.inside("with_dags_folder", str(dags_folder), *command)
        return self.airflow(*command)

    def inside(self, program: str, *arguments: str) -> list[str]:
        """Return the command of a program in harness/airflow/inside."""
        return [str(self.python), str(INSIDE), program, *arguments]


def find_environment(python: Path | None) -> AirflowEnvironment:
    """Describe the environment of `python`, by default of this interpreter.

    Raises SettingsError if the interpreter does not run or has no Airflow.
    """
    if python is None and find_spec("airflow") is None:
        raise SettingsError(f"{sys.executable}, which runs pytest, has no Airflow: {SET_IT}")
    environment = describe(python or Path(sys.executable))
    if not environment.airflow_version:
        raise SettingsError(f"airflow_python '{environment.python}' has no Airflow: {SET_IT}")
    return environment


@cache
def describe(python: Path) -> AirflowEnvironment:
    """Ask the interpreter for its version and packages, or raise SettingsError."""
    try:
        # Isolated, because a run does not get the variables of this process either.
        done = subprocess.run(
            [python, "-I", INSIDE, "describe"],
            capture_output=True,
            text=True,
            check=True,
            stdin=subprocess.DEVNULL,
            timeout=TIMEOUT,
        )
        facts = json.loads(done.stdout)
    except (OSError, subprocess.SubprocessError, ValueError) as error:
        last_line = (getattr(error, "stderr", None) or "").strip().splitlines()[-1:]
        why = last_line[0] if last_line else getattr(error, "strerror", None) or error
        raise SettingsError(f"airflow_python {str(python)!r} does not run ({why}): {SET_IT}") from error
    return from_facts(facts, python)


def from_facts(facts: Mapping[str, Any], python: Path, image: str | None = None) -> AirflowEnvironment:
    """Return the environment that the program `describe` has printed as `facts`."""
    return AirflowEnvironment(
        python=python,
        python_version=facts["version"],
        python_build=facts["build"],
        packages=facts["packages"],
        folders=() if image else tuple(facts["folders"]),
        base_prefix=Path(facts["base"]),
        image=image,
    )
