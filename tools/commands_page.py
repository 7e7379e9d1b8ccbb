"""mkdocs hook that replaces `<!-- commands -->` by the help texts of the `harness` commands."""

from __future__ import annotations

import argparse
import os
from typing import Any

from harness.cli import COMMANDS

MARK = "<!-- commands -->"
COLUMNS = "100"


def on_page_markdown(markdown: str, **_: Any) -> str:
    return markdown.replace(MARK, _commands()) if MARK in markdown else markdown


def _commands() -> str:
    os.environ["COLUMNS"] = COLUMNS  # argparse wraps lines at the terminal's width
    parser = argparse.ArgumentParser(prog="harness")
    commands = parser.add_subparsers()
    for command in COMMANDS:
        command.add(commands, ())
    return "\n".join(
        f"## harness {name}\n\n```text\n{command_parser.format_help()}```\n"
        for name, command_parser in commands.choices.items()
    )
