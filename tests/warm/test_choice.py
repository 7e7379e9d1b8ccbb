"""Which runner runs by default, and what the user reads about it."""

from __future__ import annotations

import sys

import pytest

from harness.airflow.runners.choice import PROVED, choose


@pytest.fixture(autouse=True)
def on_linux(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sys, "platform", "linux")


@pytest.mark.parametrize("line", list(PROVED))
def test_warm_is_the_default_where_it_is_proved(line: str) -> None:
    assert choose("auto", line) == ("warm", None)


def test_elsewhere_a_line_says_why_it_is_process_and_how_to_force_warm() -> None:
    assert choose("auto", "3.1") == (
        "process",
        "runner: process, because warm is not proved on Airflow 3.1; --runner warm forces it",
    )
    assert choose("warm", "3.1") == ("warm", None)


def test_who_asked_for_process_reads_nothing_about_it() -> None:
    assert choose("process", "3.1") == choose("process", "3.3") == ("process", None)


@pytest.mark.parametrize("wanted", ["auto", "warm"])
def test_no_other_system_has_it(monkeypatch: pytest.MonkeyPatch, wanted: str) -> None:
    monkeypatch.setattr(sys, "platform", "darwin")
    assert choose(wanted, "3.3") == (  # type: ignore[arg-type]
        "process",
        "runner: process, because warm needs Linux; --runner process avoids this line",
    )
