"""Airflow environments: the interpreter that runs `airflow`, and what is installed there."""

from __future__ import annotations

import json
import subprocess
import sys
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cache
from importlib.util import find_spec
from pathlib import Path

from harness.errors import SettingsError

INSIDE = Path(__file__).parent / "inside"
TIMEOUT = 60.0
"""Seconds to describe an interpreter, which takes a tenth of one unless the disk is cold."""
SET_IT = (
    "set airflow_python in pyproject's [tool.harness], HARNESS_AIRFLOW_PYTHON or --harness-airflow-python to the "
    "Python of the environment that has your Airflow"
)


@dataclass(frozen=True)
class AirflowEnvironment:
    """An Airflow installation, reached by its interpreter.

    `python` is not resolved: a virtual environment is known by its link. `python_version` is `3.12.1`, `python_build`
    all of `sys.version`. `packages` maps each normalised name to its version. `folders` are those of `sys.path`.
    """

    python: Path
    python_version: str
    python_build: str
    packages: Mapping[str, str]
    folders: tuple[str, ...]

    @property
    def airflow_version(self) -> str:
        """Version of apache-airflow, e.g. `3.3.2`."""
        return _airflow(self.packages) or ""

    @property
    def line(self) -> str:
        """The minor version: `3.3`."""
        return ".".join(self.airflow_version.split(".")[:2])

    @property
    def major(self) -> int:
        """2 or 3."""
        return int(self.airflow_version.split(".")[0])

    @property
    def python_minor(self) -> str:
        """`3.12`."""
        return ".".join(self.python_version.split(".")[:2])

    @property
    def airflow_packages(self) -> dict[str, str]:
        """Airflow's own distributions and its providers, with their versions, sorted."""
        return {name: self.packages[name] for name in sorted(self.packages) if name.startswith("apache-airflow")}

    def airflow(self, *arguments: str) -> list[str]:
        """Return the command `airflow ARGUMENT...` of this environment."""
        return [str(self.python), "-m", "airflow", *arguments]

    def inside(self, program: str, *arguments: str) -> list[str]:
        """Return the command of a program in harness/airflow/inside."""
        return [str(self.python), str(INSIDE), program, *arguments]


def find_environment(python: Path | None) -> AirflowEnvironment:
    """Describe the environment of `python`; None: of the interpreter that runs this.

    Raises SettingsError if that does not run or has no Airflow.
    """
    if python is None and find_spec("airflow") is None:
        raise SettingsError(f"{sys.executable}, which runs pytest, has no Airflow: {SET_IT}")
    environment = describe(python or Path(sys.executable))
    if _airflow(environment.packages) is None:
        raise SettingsError(f"airflow_python {str(python)!r} has no Airflow: {SET_IT}")
    return environment


def _airflow(packages: Mapping[str, str]) -> str | None:
    """Airflow's version; `apache-airflow` is an empty distribution in 3.x, which an installation may lack."""
    return packages.get("apache-airflow") or packages.get("apache-airflow-core")


@cache
def describe(python: Path) -> AirflowEnvironment:
    """Ask the interpreter for its version and packages. Raises SettingsError if it does not run."""
    try:
        # Isolated: the variables of this process are not those of a run.
        asked = subprocess.run(
            [python, "-I", INSIDE, "describe"],
            capture_output=True,
            text=True,
            check=True,
            stdin=subprocess.DEVNULL,
            timeout=TIMEOUT,
        )
        told = json.loads(asked.stdout)
    except (OSError, subprocess.SubprocessError, ValueError) as error:
        said = (getattr(error, "stderr", None) or "").strip().splitlines()[-1:]
        why = said[0] if said else getattr(error, "strerror", None) or error
        raise SettingsError(f"airflow_python {str(python)!r} does not run ({why}): {SET_IT}") from error
    return AirflowEnvironment(
        python=python,
        python_version=told["version"],
        python_build=told["build"],
        packages=told["packages"],
        folders=tuple(told["folders"]),
    )
