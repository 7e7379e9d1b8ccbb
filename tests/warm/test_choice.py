"""The default runner, and the line that tells the user about a fallback."""

from __future__ import annotations

import sys
from pathlib import Path

import pytest

from harness.airflow.environments import AirflowEnvironment
from harness.airflow.runners.choice import PROVED, choose


def on(line: str, image: str | None = None) -> AirflowEnvironment:
    return AirflowEnvironment(Path("python"), "3.12.1", "", {"apache-airflow": f"{line}.1"}, (), image=image)


@pytest.fixture(autouse=True)
def on_linux(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sys, "platform", "linux")


@pytest.mark.parametrize("line", list(PROVED))
def test_warm_is_the_default_on_proved_lines(line: str) -> None:
    assert choose("auto", on(line)) == ("warm", None)


def test_unproved_lines_use_process_and_say_how_to_force_warm() -> None:
    assert choose("auto", on("3.1")) == (
        "process",
        "runner: process, because warm is not proved on Airflow 3.1; HARNESS_RUNNER=warm forces it",
    )
    assert choose("warm", on("3.1")) == ("warm", None)


def test_an_explicit_process_runner_gives_no_line() -> None:
    assert choose("process", on("3.1")) == choose("process", on("3.3")) == ("process", None)


@pytest.mark.parametrize("wanted", ["auto", "warm"])
def test_other_systems_use_process(monkeypatch: pytest.MonkeyPatch, wanted: str) -> None:
    monkeypatch.setattr(sys, "platform", "darwin")
    assert choose(wanted, on("3.3")) == (  # type: ignore[arg-type]
        "process",
        "runner: process, because warm needs Linux; HARNESS_RUNNER=process avoids this line",
    )


def test_an_image_has_a_runner_of_its_own() -> None:
    assert choose("auto", on("3.3", "apache/airflow:3.3.2")) == ("image", None)
    assert choose("process", on("3.1", "apache/airflow:3.1.8")) == ("image", None)
    assert choose("warm", on("3.3", "apache/airflow:3.3.2")) == (
        "image",
        "runner: image, because Airflow is in apache/airflow:3.3.2; leave out airflow_image to use a warm host",
    )
