"""Run one program of this package: `PYTHON PATH/inside PROGRAM ARGUMENT...`.

The package is loaded under a name that no project uses, and its folder is removed from `sys.path`, so a DAG imports
the same modules as under `python -c`.
"""

from __future__ import annotations

import importlib
import importlib.util
import sys
from pathlib import Path

NAME = "_airflow_scenario_harness_inside"


def main() -> None:
    """Load the package as NAME and call the program's `main` with its arguments."""
    here = Path(__file__).resolve().parent
    spec = importlib.util.spec_from_file_location(NAME, here / "__init__.py", submodule_search_locations=[str(here)])
    assert spec is not None
    assert spec.loader is not None
    package = importlib.util.module_from_spec(spec)
    sys.modules[NAME] = package
    spec.loader.exec_module(package)
    if not sys.flags.isolated:  # an isolated interpreter does not add this folder
        sys.path[0] = ""
    program, *arguments = sys.argv[1:]
    importlib.import_module(f"{NAME}.{program}").main(arguments)


if __name__ == "__main__":
    main()
