"""Progress: a live line for each piece of work on a terminal, a plain line for each step elsewhere."""

from __future__ import annotations

import io
import re
import threading
from pathlib import Path
from types import SimpleNamespace
from typing import Any, cast

import pytest
from rich.console import Console

from harness import progress as module
from harness.airflow.follow_log import follow_log
from harness.fixtures import _shows_output
from harness.progress import Progress, announce, show_progress
from harness.report.terminal import PROGRESS
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
from harness.fixtures import _progress

def test_it(pytestconfig):
    print("printed by the test")
    _progress(pytestconfig).step("services", "starting")
"""


def test_pytest_shows_progress_past_its_capture(tmp_path: Path, pytestconfig: pytest.Config) -> None:
    done = run_pytest(project(tmp_path / "project", PROGRESS_TEST), pytestconfig.rootpath)
    assert "\nservices: starting\n" in done.stdout
    assert "printed by the test" not in done.stdout
    assert done.stderr == ""


@pytest.mark.parametrize(
    ("capture", "stash", "worker", "shows"),
    [
        ("no", {}, {}, True),
        ("fd", {}, {}, False),
        ("no", {PROGRESS: None}, {}, False),  # `harness run`
        ("no", {}, {"workerinput": {}}, False),
    ],
)
def test_only_pytest_s_shows_the_log_of_a_run(
    capture: str, stash: dict[Any, Any], worker: dict[str, Any], shows: bool
) -> None:
    config = SimpleNamespace(getoption=lambda name: capture, stash=stash, **worker)
    assert _shows_output(cast(pytest.Config, config)) is shows


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
