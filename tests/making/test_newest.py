"""The newest releases in place of `latest`."""

from __future__ import annotations

from pathlib import Path

import pytest
from packaging.version import Version

from harness.airflow.making import newest
from harness.airflow.making.index import Release
from harness.airflow.making.newest import name_newest
from harness.errors import AirflowEnvironmentError, SettingsError

RELEASES = {
    "apache-airflow": ("3.3.9", "3.3.10", "3.4.0rc1", "3.4.0.dev2"),
    "celery": ("5.4",),
    "early": ("1.0a1",),
}


@pytest.fixture(autouse=True)
def index(monkeypatch: pytest.MonkeyPatch) -> None:
    def list_releases(package: str, env: object) -> dict[Version, Release]:
        return {Version(version): Release(None, "") for version in RELEASES.get(package, ())}

    monkeypatch.setattr(newest, "list_releases", list_releases)
    monkeypatch.setattr(newest, "find_uv", lambda log: type("Uv", (), {"env": {}}))


def test_the_newest_release_that_is_final(tmp_path: Path) -> None:
    targets = ["airflow==latest", "minio=minio:latest", "Celery[redis]==latest", "python==3.12"]
    found = ["airflow==3.3.10", "minio=minio:latest", "Celery[redis]==5.4", "python==3.12"]
    assert name_newest(targets, tmp_path) == found


@pytest.mark.parametrize("target", ["early==latest", "unheard-of==latest"])
def test_a_package_without_a_release(target: str, tmp_path: Path) -> None:
    with pytest.raises(AirflowEnvironmentError, match=f"target '{target}': the package index lists no release of it"):
        name_newest([target], tmp_path)


def test_python_is_on_no_index(tmp_path: Path) -> None:
    with pytest.raises(SettingsError, match="write python==3.12"):
        name_newest(["python==latest"], tmp_path)
