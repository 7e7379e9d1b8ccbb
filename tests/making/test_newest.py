"""The newest releases in place of `latest`."""

from __future__ import annotations

from pathlib import Path

import pytest
from packaging.version import Version

from harness.airflow.making import newest
from harness.airflow.making.index import Release
from harness.airflow.making.newest import name_newest
from harness.airflow.making.targets import Wanted, merge_targets, parse_target
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


def newest_of(*targets: str) -> Wanted:
    return name_newest(merge_targets(map(parse_target, targets)), Path("/nowhere"))


def test_the_newest_release_that_is_final() -> None:
    wanted = newest_of("airflow==latest", "minio=minio:latest", "Celery[redis]==latest", "six==1.17", "python==3.12")
    assert (wanted.airflow, wanted.python, wanted.images) == ("3.3.10", "3.12", {"minio": "minio:latest"})
    assert wanted.packages == {"celery": "celery[redis]==5.4", "six": "six==1.17"}


@pytest.mark.parametrize("package", ["early", "unheard-of"])
def test_a_package_without_a_release(package: str) -> None:
    with pytest.raises(AirflowEnvironmentError, match=f"{package}==latest: the package index lists no release of it"):
        newest_of(f"{package}==latest")


def test_an_index_that_lists_nothing_in_json_is_the_reason(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(newest, "list_releases", lambda package, env: None)
    with pytest.raises(
        AirflowEnvironmentError,
        match=r"^airflow==latest: the package index does not list releases in JSON, .*: write a version$",
    ):
        newest_of("airflow==latest")


def test_python_is_on_no_index() -> None:
    with pytest.raises(SettingsError, match=r"write python==3\.12"):
        parse_target("python==latest")
