"""What every pytest of the environment loads: it loads the rest where a project uses the harness, and else nothing.

A project uses it whose pyproject has a [tool.harness] table, or who asks for it on the command line.
"""

from __future__ import annotations

import os
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

if TYPE_CHECKING:
    from collections.abc import Sequence

PLUGIN = "harness.plugin"
TABLE = "[tool.harness"
OPTION = "--dags-folder"


@pytest.hookimpl(tryfirst=True)
def pytest_load_initial_conftests(early_config: pytest.Config, args: Sequence[str]) -> None:
    asked = any(argument.partition("=")[0] == OPTION for argument in args) or "HARNESS_DAGS_FOLDER" in os.environ
    if asked or _declared(early_config.rootpath):
        early_config.pluginmanager.import_plugin(PLUGIN)


def _declared(root: Path) -> bool:
    """Whether the nearest pyproject at or above the root, or the working folder, has the table."""
    for folder in dict.fromkeys((root, *root.parents, Path.cwd())):
        try:
            if any(line.startswith(TABLE) for line in (folder / "pyproject.toml").read_text().splitlines()):
                return True
        except (OSError, ValueError):
            continue  # of a file that can't be read the plugin tells, if it is asked for
    return False
