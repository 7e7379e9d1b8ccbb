"""The default runner, and the line that tells the user about a fallback."""

from __future__ import annotations

import sys

import pytest

from harness.airflow.runners.choice import PROVED, choose


@pytest.fixture(autouse=True)
def on_linux(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sys, "platform", "linux")


@pytest.mark.parametrize("line", list(PROVED))
def test_warm_is_the_default_on_proved_lines(line: str) -> None:
    assert choose("auto", line) == ("warm", None)


def test_unproved_lines_use_process_and_say_how_to_force_warm() -> None:
    assert choose("auto", "3.1") == (
        "process",
        "runner: process, because warm is not proved on Airflow 3.1; --harness-runner warm forces it",
    )
    assert choose("warm", "3.1") == ("warm", None)


def test_an_explicit_process_runner_gives_no_line() -> None:
    assert choose("process", "3.1") == choose("process", "3.3") == ("process", None)


@pytest.mark.parametrize("wanted", ["auto", "warm"])
def test_other_systems_use_process(monkeypatch: pytest.MonkeyPatch, wanted: str) -> None:
    monkeypatch.setattr(sys, "platform", "darwin")
    assert choose(wanted, "3.3") == (  # type: ignore[arg-type]
        "process",
        "runner: process, because warm needs Linux; --harness-runner process avoids this line",
    )
