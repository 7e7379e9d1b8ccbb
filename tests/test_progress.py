"""Progress: a live line for each piece of work on a terminal, a plain line for each step elsewhere."""

from __future__ import annotations

import io
import re
import threading
from pathlib import Path

import pytest
from rich.console import Console

from harness import progress as module
from harness.airflow.follow_log import follow_log
from harness.progress import Progress, announce, show_progress
from tests.outer import project, run_pytest


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


class Steps:
    """Progress that keeps its steps."""

    def __init__(self) -> None:
        self.steps: list[tuple[str, bool]] = []
        self.began = threading.Event()

    def step(self, what: str, text: str, *, last: bool = False) -> None:
        self.steps.append((f"{what}: {text}", last))
        self.began.set()


def test_only_a_long_wait_is_announced(monkeypatch: pytest.MonkeyPatch) -> None:
    short, long = Steps(), Steps()
    with announce(short, "services", "starting"):
        pass
    monkeypatch.setattr(module, "LONG_WAIT", 0.0)
    with announce(long, "services", "starting"):
        assert long.began.wait(10)
    assert short.steps == []
    assert [last for _, last in long.steps] == [False, True]
    assert re.fullmatch(r"services: done in \d+\.\d s", long.steps[1][0])


PROGRESS_TEST = """
from harness.fixtures import _progress, _shows_output

def test_it(pytestconfig):
    print("printed by the test")
    _progress(pytestconfig).step("services", "starting")
    print(f"shows output: {_shows_output(pytestconfig)}")
"""


def test_pytest_shows_progress_past_its_capture_and_output_only_with_s(
    tmp_path: Path, pytestconfig: pytest.Config
) -> None:
    folder = project(tmp_path / "project", PROGRESS_TEST)
    captured, open_ = (run_pytest(folder, pytestconfig.rootpath, *arguments) for arguments in ([], ["-s"]))
    assert "\nservices: starting\n" in captured.stdout
    assert "printed by the test" not in captured.stdout
    assert "services: starting\n" in open_.stdout
    assert "shows output: True" in open_.stdout
    assert captured.stderr == open_.stderr == ""


def test_a_log_is_shown_while_it_is_written(tmp_path: Path) -> None:
    lines: list[str] = []
    shown = threading.Event()

    def show(line: str) -> None:
        lines.append(line)
        shown.set()

    with follow_log(tmp_path / "run.log", show), (tmp_path / "run.log").open("wb", buffering=0) as log:
        log.write(b"first\nsec")
        assert shown.wait(10)
        assert lines == ["first"]
        log.write(b"ond\n\xff end")
    assert lines == ["first", "second", "\ufffd end"]
