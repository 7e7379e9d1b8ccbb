"""pytest options without the prefix `--harness-`, which the next release removes."""

from __future__ import annotations

import re

import pytest

DEPRECATED = re.compile(r"--(dags-folder|evidence|image-mode|report|reuse|runner|stack|[\w-]+-image)")


def rename_deprecated_options(config: pytest.Config, parser: pytest.Parser, args: list[str]) -> None:
    """Add the prefix to deprecated options in `args`, except options of other plugins."""
    _, unknown = parser.parse_known_and_unknown_args(args)
    for number, argument in enumerate(args):
        name, equals, value = argument.partition("=")
        if argument not in unknown or not DEPRECATED.fullmatch(name):
            continue
        new = f"--harness-{name.removeprefix('--')}"
        args[number] = f"{new}{equals}{value}"
        warning = pytest.PytestDeprecationWarning(f"{name} is deprecated: use {new}")
        config.issue_config_time_warning(warning, stacklevel=2)
