"""What one side of a check has, as a user writes it, and what is refused in one line."""

from __future__ import annotations

from pathlib import Path

import pytest

from harness.airflow.making.targets import FORMS, Target, Wanted, merge_targets, parse_target
from harness.errors import SettingsError


@pytest.mark.parametrize(
    ("text", "target"),
    [
        ("airflow==3.3.2", Target("airflow", "apache-airflow", "3.3.2")),
        ("apache-airflow==3.4.0rc1", Target("airflow", "apache-airflow", "3.4.0rc1")),
        ("python==3.12", Target("python", "python", "3.12")),
        ("python==3.12.1", Target("python", "python", "3.12.1")),
        ("Celery[redis,auth] == 5.4", Target("package", "celery", "celery[redis,auth]==5.4")),
        (
            "apache_airflow_providers_amazon==9.37.0",
            Target("package", "apache-airflow-providers-amazon", "apache-airflow-providers-amazon==9.37.0"),
        ),
        ("minio==7.2", Target("package", "minio", "minio==7.2")),
        ("minio=quay.io/minio/minio:latest", Target("image", "minio", "quay.io/minio/minio:latest")),
        ("postgres=build:18", Target("image", "postgres", "build:18")),
        ("airflow=own/airflow:1", Target("airflow-image", "airflow-image", "own/airflow:1")),
        (
            "airflow-image=registry:5000/own@sha256:12",
            Target("airflow-image", "airflow-image", "registry:5000/own@sha256:12"),
        ),
    ],
)
def test_a_target_is_read(text: str, target: Target) -> None:
    assert parse_target(text) == target


def test_a_target_can_be_a_file(tmp_path: Path) -> None:
    for name in ("requirements.txt", "pins"):
        (tmp_path / name).write_text("pandas==3.0\n")
        assert parse_target(str(tmp_path / name)) == Target("file", "file", str(tmp_path / name))


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("airflow", f"target 'airflow': {FORMS}"),
        ("airflow>=3", f"target 'airflow>=3': {FORMS}"),
        ("", f"target '': {FORMS}"),
        ("airflow==3.*", "target 'airflow==3.*': '3.*' is not one version: write for example airflow==1.2"),
        ("pandas==", "target 'pandas==': '' is not one version: write for example pandas==1.2"),
        ("python==four", "target 'python==four': 'four' is not a version of Python 3: write python==3.12"),
        (
            "airflow[celery]==3.3.2",
            "target 'airflow[celery]==3.3.2': extras of Airflow can't be named: name their packages, one by one",
        ),
        (
            "airflow=3.3.2",
            "target 'airflow=3.3.2': '3.3.2' is a version, not an image: write airflow==3.3.2 for a package, or "
            "airflow=REPOSITORY:3.3.2 for an image",
        ),
        ("none.txt", f"target 'none.txt': there is no such file: correct its name, or {FORMS}"),
    ],
)
def test_what_has_no_known_form_is_refused(text: str, message: str) -> None:
    with pytest.raises(SettingsError) as raised:
        parse_target(text)
    assert str(raised.value) == message


def test_the_lock_of_another_tool_is_exported_first(tmp_path: Path) -> None:
    (tmp_path / "poetry.lock").write_text("")
    with pytest.raises(SettingsError, match=r"write one with `poetry export > requirements.txt`$"):
        parse_target(str(tmp_path / "poetry.lock"))


def test_targets_are_merged() -> None:
    texts = ["python==3.12", "airflow==3.3.2", "pandas==3.0", "numpy==2", "minio=build:x", "airflow==3.3.2"]
    wanted = merge_targets(map(parse_target, texts))
    packages = {"pandas": "pandas==3.0", "numpy": "numpy==2"}
    assert wanted == Wanted("3.3.2", "3.12", packages, None, {"minio": "build:x"}, None)
    assert wanted.label == "airflow==3.3.2, python==3.12, pandas==3.0, numpy==2, minio=build:x"
    assert wanted.changes_environment
    assert not merge_targets([parse_target("minio=build:x")]).changes_environment


@pytest.mark.parametrize(
    ("texts", "message"),
    [
        (
            ["airflow==3.3.2", "apache-airflow==3.2.2"],
            "targets airflow==3.3.2 and airflow==3.2.2: one side has one of them",
        ),
        (["pandas==2", "Pandas==3"], "targets pandas==2 and pandas==3: one side has one of them: remove the other"),
        (["minio=a", "minio=b"], "targets minio=a and minio=b: one side has one of them: remove the other"),
        (
            ["airflow-image=a", "pandas==3"],
            "target airflow-image=a: the image has its own Python and packages: remove the",
        ),
    ],
)
def test_targets_that_conflict_are_refused(texts: list[str], message: str) -> None:
    with pytest.raises(SettingsError) as raised:
        merge_targets(map(parse_target, texts))
    assert str(raised.value).startswith(message)
