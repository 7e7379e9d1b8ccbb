"""pytest's entry point: loads the plugin if the project uses the harness.

A project uses the harness if its pyproject.toml has a [tool.harness] table, or if the command line or the environment
names a dags folder.
"""

from __future__ import annotations

import os
from collections.abc import Generator
from pathlib import Path

import pytest

PLUGIN = "harness.plugin"
TABLE = "[tool.harness"
OPTIONS = ("--harness-dags-folder", "--dags-folder")


@pytest.hookimpl(wrapper=True, tryfirst=True)
def pytest_load_initial_conftests(
    early_config: pytest.Config, parser: pytest.Parser, args: list[str]
) -> Generator[None]:
    """Load the plugin before the project's conftests, which may replace its fixtures."""
    named = any(argument.partition("=")[0] in OPTIONS for argument in args) or "HARNESS_DAGS_FOLDER" in os.environ
    used = named or _declared(early_config.rootpath)
    if used:
        early_config.pluginmanager.import_plugin(PLUGIN)
    yield
    if used:
        from harness.deprecated_options import rename_deprecated_options

        rename_deprecated_options(early_config, parser, args)


def _declared(root: Path) -> bool:
    """Return whether a pyproject.toml of root, its parents or the working directory has TABLE."""
    for folder in dict.fromkeys((root, *root.parents, Path.cwd())):
        try:
            if any(line.startswith(TABLE) for line in (folder / "pyproject.toml").read_text().splitlines()):
                return True
        except (OSError, ValueError):
            continue  # If a scenario needs the file, the plugin reports that it can't be read.
    return False
