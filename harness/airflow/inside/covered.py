"""Run a module under coverage: `PYTHON PATH/inside covered -m MODULE ARGUMENT...`.

The variable COVERAGE_PROCESS_START names coverage's configuration file. The data is saved when the process ends, and
when a fork of the warm host ends, which calls the functions that are registered with atexit.
"""

from __future__ import annotations

import importlib
import os
import runpy
import sys


def main(arguments: list[str]) -> None:
    """Start coverage, unless a .pth file of coverage has started it, and run the module."""
    importlib.import_module("coverage").process_startup()
    sys.argv = arguments[1:]
    sys.path[0] = os.getcwd()  # noqa: PTH109 - as `python -m` does
    runpy.run_module(sys.argv[0], run_name="__main__", alter_sys=True)
