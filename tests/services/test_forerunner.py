"""The process that stands in for the reaper. What it sweeps needs an engine: test_nothing_left."""

from __future__ import annotations

import subprocess
from pathlib import Path

import pytest

from harness.services import forerunner as module
from harness.services.forerunner import await_forerunner, forerunner

Started = list[subprocess.Popen[bytes]]


@pytest.fixture
def started(monkeypatch: pytest.MonkeyPatch) -> Started:
    """The processes that were started, in order."""
    processes: Started = []
    real = subprocess.Popen

    def popen(*arguments: object, **options: object) -> subprocess.Popen[bytes]:
        processes.append(real(*arguments, **options))  # type: ignore[call-overload]
        return processes[-1]

    monkeypatch.setattr(module.subprocess, "Popen", popen)
    return processes


def test_it_ends_when_the_reaper_watches(tmp_path: Path, started: Started) -> None:
    with forerunner("nobodys", tmp_path):
        assert started[0].poll() is None
    assert started[0].returncode == 0
    await_forerunner(tmp_path)


def test_one_that_somebody_killed_fails_no_start(tmp_path: Path, started: Started) -> None:
    with forerunner("nobodys", tmp_path):
        started[0].kill()
        started[0].wait()
    await_forerunner(tmp_path)
