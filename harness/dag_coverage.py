"""Coverage of DAG code for pytest-cov, although the code runs in Airflow's interpreter.

pytest-cov measures pytest's process, and combines all data files beside its own when the session ends. Commands of
Airflow are measured by coverage's mechanism for subprocesses and write their data there.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from contextlib import suppress
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

from harness.airflow.environments import INSIDE, AirflowEnvironment
from harness.airflow.runners import Execute, ProcessResult

if TYPE_CHECKING:
    from coverage import Coverage

VARIABLE = "COVERAGE_PROCESS_START"
"""Names the configuration file for `coverage.process_startup()`."""
NEEDLESS = ["no-data-collected", "module-not-imported"]
"""Coverage's warnings that pytest's process would give because it runs no DAG code."""


def find_coverage(config: pytest.Config) -> Coverage | None:
    """Return the measurement by pytest-cov in this process; None without `--cov`."""
    if not config.pluginmanager.hasplugin("_cov"):
        return None
    from coverage import Coverage

    return Coverage.current()


def measure_commands(
    execute: Execute, airflow: AirflowEnvironment, settings: Path | None, remark: Callable[[str], object]
) -> Execute:
    """Return a runner that measures the modules which `execute` runs.

    `settings` is coverage's configuration file; with None, or if Airflow's interpreter has no coverage, the result is
    `execute` itself. `remark` is called with a line for the user in the second case.
    """
    if settings is None:
        return execute
    if airflow.image:
        remark("coverage: no DAG code is measured in an Airflow image; leave out airflow_image to measure it")
        return execute
    if "coverage" not in airflow.packages:
        remark(f"coverage: no DAG code is measured; to measure it, run `{airflow.python} -m pip install coverage`")
        return execute

    def measured(
        command: Sequence[str], env: Mapping[str, str], folder: Path, log_file: Path, timeout: float
    ) -> ProcessResult:
        if command[1] == "-m":
            command = airflow.inside("covered", *command[1:])
        return execute(command, {**env, VARIABLE: str(settings)}, folder, log_file, timeout)

    return measured


def write_settings(current: Coverage, start: Path, folder: Path) -> Path:
    """Write coverage's configuration for commands of Airflow into `folder`; return its path.

    Commands measure what `current`, the measurement of pytest's process, measures. They run in other folders, so paths
    relative to `start` become absolute.
    """

    def read(name: str) -> Any:
        with suppress(Exception):  # an older coverage does not know the option
            return current.get_option(f"run:{name}")
        return None

    single = {"branch": bool(read("branch")), "data_file": start / str(read("data_file")), "parallel": True}
    several = {
        name: [text if text[0] in "*?" else str(start / text) for text in read(name) or []]
        for name in ("source_dirs", "include", "omit")
    }
    several["source"] = [str(start / name) if (start / name).is_dir() else name for name in read("source") or []]
    several["source_pkgs"] = list(read("source_pkgs") or [])
    several["omit"].append(f"{INSIDE}/*")
    lines = [f"{name} = {value}" for name, value in single.items()]
    lines += ["\n    ".join([f"{name} =", *texts]) for name, texts in several.items() if texts]
    file = folder / "coveragerc"
    file.write_text("\n".join(["[run]", *lines, ""]).replace("$", "$$"))  # `$` would refer to a variable
    current.set_option("run:disable_warnings", [*(read("disable_warnings") or []), *NEEDLESS])
    return file
