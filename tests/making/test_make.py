"""Environments are made by uv once, and kept by what was resolved."""

from __future__ import annotations

import subprocess
import zipfile
from dataclasses import replace
from pathlib import Path

import pytest

from harness.airflow.environments import describe
from harness.airflow.making.current import lock_environment
from harness.airflow.making.locks import Lock
from harness.airflow.making.make import make_environment
from harness.airflow.making.uv import explain
from harness.cleanup.cache import find_cache_files
from harness.errors import AirflowEnvironmentError
from tests.making.conftest import BEFORE, Index, wheel

LOCK = replace(BEFORE, requirements=("apache-airflow==3.3.2", "fastapi==1.1"))


def test_an_environment_is_made_once(airflows: Index, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    python = make_environment(LOCK, tmp_path)
    assert python.parents[1].parent == tmp_path / "environments"
    environment = describe.__wrapped__(python)
    assert environment.packages == {"apache-airflow": "3.3.2", "fastapi": "1.1"}
    assert environment.python_version == LOCK.python_version
    assert subprocess.run([python, "-c", "import fastapi"], check=False).returncode == 0
    assert lock_environment(environment).requirements == LOCK.requirements

    def fail(*arguments: object) -> None:
        raise AssertionError("a second use needs no uv")

    monkeypatch.setattr("harness.airflow.making.make.find_uv", fail)
    assert make_environment(replace(LOCK, source="another", notes=("x",)), tmp_path) == python
    for leftover in find_cache_files(tmp_path):
        leftover.remove()
    assert not list((tmp_path / "environments").iterdir())
    assert not list((tmp_path / "logs").iterdir())


def test_a_legacy_package_with_an_invalid_bound_of_python_is_installed(airflows: Index, tmp_path: Path) -> None:
    airflows.add("legacy", "1", "2026-01-01T00:00:00Z", python=">=3.6.*")
    assert make_environment(replace(LOCK, requirements=("legacy==1",)), tmp_path).exists()


def test_the_environment_of_the_project_is_used_as_it_is(tmp_path: Path) -> None:
    assert make_environment(replace(LOCK, interpreter=Path("/own/python")), tmp_path) == Path("/own/python")


@pytest.mark.parametrize(
    ("requirement", "reason"),
    [
        ("fastapi==7", r"Because there is no version of fastapi==7 and you require fastapi==7"),
        ("capped==1", r"^capped 1 needs Python <3\.11, and this one is 3\..*: name another Python, or another version"),
    ],
)
def test_an_environment_that_can_not_be_made_has_a_reason(
    airflows: Index, tmp_path: Path, requirement: str, reason: str
) -> None:
    airflows.add("capped", "1", "2026-01-01T00:00:00Z", python="<3.11")
    lock = replace(LOCK, requirements=("apache-airflow==3.3.2", requirement))
    with pytest.raises(AirflowEnvironmentError, match=reason) as raised:
        make_environment(lock, tmp_path)
    assert "\n" not in str(raised.value)
    assert not list((tmp_path / "environments").glob("*/bin"))[1:]
    assert all(folder.name.endswith((".lock", ".partial")) for folder in (tmp_path / "environments").iterdir())


def test_the_packages_that_no_other_requires_are_top_level(tmp_path: Path) -> None:
    python = tmp_path / "environment" / "bin" / "python"
    subprocess.run([BEFORE.python, "-m", "venv", "--without-pip", python.parents[1]], check=True)
    (site,) = (Path(folder) for folder in describe.__wrapped__(python).folders if folder.endswith("site-packages"))

    def install(name: str, version: str, *requires: str, origin: str = "") -> None:
        _, content = wheel(name, version, requires)
        file = tmp_path / "a.zip"
        file.write_bytes(content)
        with zipfile.ZipFile(file) as archive:
            archive.extractall(site)
        if origin:
            (site / f"{name.replace('-', '_')}-{version}.dist-info" / "direct_url.json").write_text(origin)

    install("apache-airflow", "3.3.2", "fastapi[standard]")
    install("fastapi", "1.1", 'typer; extra == "standard"', 'uvloop; extra == "all"', 'old; python_version < "3"')
    for name in ("typer", "uvloop", "old"):
        install(name, "1")
    install("airflow-scenario-harness", "1", "minio")
    install("minio", "7")
    install("own-dags", "0.1", "fastapi>=1", origin='{"url": "file:///srv/own%20dags", "dir_info": {"editable": true}}')
    install("forked", "2", origin='{"url": "https://git.example/f", "vcs_info": {"vcs": "git", "commit_id": "abc"}}')
    lock = lock_environment(describe.__wrapped__(python))
    forked = "forked @ git+https://git.example/f@abc"
    assert lock.top_level == (forked, "minio", "old", "-e file:///srv/own%20dags", "uvloop")
    assert lock.projects == {forked: (), "-e file:///srv/own%20dags": ("fastapi>=1",)}
    assert lock.airflow == "3.3.2"
    assert lock.interpreter == python
    assert lock.packages.keys() == {"apache-airflow", "fastapi", "typer", "uvloop", "old", "minio"}


@pytest.mark.parametrize(
    ("output", "reason"),
    [
        (
            "warning: x\nerror: No solution found when resolving\n  cause: Because a and b.\n\nhint: try c",
            "Because a and b.",
        ),
        (
            "error: Failed to fetch: `x`\n  cause: request\n  cause: Connection refused",
            "Failed to fetch: `x`: Connection refused",
        ),
        ("  \u00d7 No solution found when resolving\n  \u2570\u2500\u25b6 Because a\n      and b.", "Because a and b."),
        (
            "error: Error parsing `in.txt`\n  cause: failed to read from file\n         `/srv/none.txt`: No such file",
            "Error parsing `in.txt`: failed to read from file `/srv/none.txt`: No such file",
        ),
        ("error: Build failed", "Build failed"),
        ("", "uv failed"),
    ],
)
def test_the_reason_of_a_failure_is_one_line(output: str, reason: str) -> None:
    assert explain(output) == reason


def test_a_lock_reads_its_packages() -> None:
    lock = Lock(
        "python", "3.12.1", ("Some_name==1.0 ; python_version > '3'", "-e /srv/x", "a @ https://x.example/a.whl")
    )
    assert lock.packages == {"some-name": "1.0"}
    assert lock.text.splitlines() == list(lock.requirements)
