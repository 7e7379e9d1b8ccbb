"""Run `airflow ARGUMENT...` with the dags folder at the end of `sys.path`.

The scheduler puts the folder there, and `dags test` of Airflow 3.0 does not.
"""

from __future__ import annotations

import importlib
import os
import runpy
import sys


def main(arguments: list[str]) -> None:
    """Run Airflow's entry point; the first of `arguments` is the folder."""
    folder, *command = arguments
    if "COVERAGE_PROCESS_START" in os.environ:
        importlib.import_module("coverage").process_startup()
    sys.path[0] = os.getcwd()  # noqa: PTH109 - as `python -m airflow` does
    sys.path.append(folder)
    sys.argv = ["airflow", *command]
    runpy.run_module("airflow", run_name="__main__", alter_sys=True)
