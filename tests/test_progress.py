"""Progress: a live line for each piece of work on a terminal, a plain line for each step elsewhere."""

from __future__ import annotations

import io
import re

from rich.console import Console

from harness.progress import Progress, show_progress


def steps(progress: Progress) -> None:
    progress.step("greet[0]", "running")
    progress.step("other", "queued [bold]")
    progress.step("greet[0]", "success", last=True)


def test_output_without_a_terminal_is_plain_lines() -> None:
    out = io.StringIO()
    with show_progress(Console(file=out)) as progress:
        steps(progress)
    lines = [re.sub(r"^\[ *\d+\.\d s\] ", "", line) for line in out.getvalue().splitlines()]
    assert lines == ["greet[0]: running", "other: queued [bold]", "greet[0]: success"]


def test_a_terminal_shows_a_line_for_each_piece_of_work() -> None:
    out = io.StringIO()
    with show_progress(Console(file=out, force_terminal=True, width=80)) as progress:
        steps(progress)
    plain = re.sub(r"\x1b\[[\d;?]*[A-Za-z]", "", out.getvalue())
    last = [line.split() for line in plain.splitlines() if line.strip()][-2:]
    assert [words[-1] for words in last] == ["success", "[bold]"]
    assert "greet[0]" in last[0]
    assert "other" in last[1]
