"""A side whose Airflow image can't be used is refused, or says why it fails, before anything runs."""

from __future__ import annotations

from pathlib import Path

import pytest

from harness.airflow.environments import AirflowEnvironment
from harness.airflow.making.targets import Wanted
from harness.errors import SettingsError
from harness.images.catalogue import BUILT_IN
from harness.settings import Settings
from harness.upgrade import prepare
from harness.upgrade.prepare import check_wanted, prepare_side

WANTED = Wanted(airflow_image="example.invalid/airflow:1")


@pytest.fixture
def settings(tmp_path: Path) -> Settings:
    return Settings.load(tmp_path, BUILT_IN, {"stack": "embedded"})


def test_the_embedded_stack_has_no_airflow_image(settings: Settings) -> None:
    with pytest.raises(SettingsError, match=r"target airflow-image=example\.invalid/airflow:1: the embedded stack"):
        check_wanted(WANTED, settings)


def test_an_image_without_airflow_fails_its_side(settings: Settings, monkeypatch: pytest.MonkeyPatch) -> None:
    def fail(own: Settings, *_: object) -> AirflowEnvironment:
        raise SettingsError(f"airflow_image {own.airflow_image!r} has no Airflow")

    monkeypatch.setattr(prepare, "find_airflow", fail)
    side = prepare_side("candidate", WANTED, settings)
    assert side.failed == "airflow_image 'example.invalid/airflow:1' has no Airflow"
