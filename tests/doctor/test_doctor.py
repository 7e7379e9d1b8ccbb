"""The findings of each check of `harness doctor`, and the command's output."""

from __future__ import annotations

import json
import os
import socket
import sys
from collections import namedtuple
from datetime import UTC, datetime, timedelta
from pathlib import Path
from types import SimpleNamespace

import docker
import pytest

from harness.airflow.environments import AirflowEnvironment
from harness.cli import doctor, main
from harness.doctor import engine, machine, python
from harness.doctor.finding import Finding
from harness.doctor.registry import TagStatus
from harness.errors import EngineError, SettingsError
from harness.settings import Settings

GIB = 1024**3
Usage = namedtuple("Usage", "free")


@pytest.fixture
def settings(tmp_path: Path) -> Settings:
    return Settings(root=tmp_path, cache_dir=tmp_path / "cache")


def by_check(findings: list[Finding]) -> dict[str, Finding]:
    return {finding.check: finding for finding in findings}


@pytest.mark.parametrize(("free", "status"), [(9 * GIB, "ok"), (4 * GIB, "warn"), (GIB // 2, "fail")])
def test_disk_status_depends_on_free_space(
    settings: Settings, monkeypatch: pytest.MonkeyPatch, free: int, status: str
) -> None:
    monkeypatch.setattr(machine.shutil, "disk_usage", lambda folder: Usage(free))
    found = by_check(list(machine.check_disk(settings)))
    assert found["cache folder"].status == status
    assert found["temporary folder"].status == status
    assert ("harness clean" in found["cache folder"].todo) == (status != "ok")


def test_an_unwritable_folder_fails(settings: Settings, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(machine.os, "access", lambda folder, mode: False)
    found = by_check(list(machine.check_disk(settings)))["cache folder"]
    assert (found.status, "HARNESS_CACHE_DIR" in found.todo) == ("fail", True)


@pytest.mark.parametrize(("gib", "status"), [(8, "ok"), (3, "warn")])
def test_memory_status_depends_on_its_size(
    settings: Settings, monkeypatch: pytest.MonkeyPatch, gib: int, status: str
) -> None:
    pages = {"SC_PAGE_SIZE": 4096, "SC_PHYS_PAGES": gib * GIB // 4096}
    monkeypatch.setattr(machine.os, "sysconf", pages.__getitem__)
    (found,) = machine.check_memory(settings)
    assert (found.status, found.found) == (status, f"{gib}.0 GiB")


def test_a_fixed_port_in_use_is_a_warning(settings: Settings) -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken, socket.create_server(("127.0.0.1", 0)) as other:
        port, free = taken.getsockname()[1], other.getsockname()[1]
        other.close()
        found = by_check(list(machine.check_ports(settings.model_copy(update={"minio_port": port, "aws_port": free}))))
    assert found["loopback"].status == "ok"
    assert (found["minio_port"].status, "harness down" in found["minio_port"].todo) == ("warn", True)
    assert found["aws_port"].status == "ok"


def test_a_clock_before_the_harness_is_a_warning(settings: Settings, monkeypatch: pytest.MonkeyPatch) -> None:
    assert [finding.status for finding in machine.check_clock(settings)] == ["ok"]
    monkeypatch.setattr(machine, "datetime", SimpleNamespace(now=lambda zone: datetime(2020, 1, 1, tzinfo=zone)))
    assert [finding.status for finding in machine.check_clock(settings)] == ["warn"]


def test_python_version_must_be_supported(settings: Settings, monkeypatch: pytest.MonkeyPatch) -> None:
    (found,) = python.check_python(settings)
    assert (found.status, found.found) == ("ok", ".".join(map(str, sys.version_info[:3])))
    monkeypatch.setattr(python.sys, "version_info", (3, 9, 1))
    (found,) = python.check_python(settings)
    assert (found.status, found.todo) == ("fail", "use Python <3.15,>=3.11")


def use_airflow(monkeypatch: pytest.MonkeyPatch, packages: dict[str, str]) -> None:
    """Replace the Airflow environment by one with these packages."""

    def find(interpreter: Path | None) -> AirflowEnvironment:
        if not packages:
            raise SettingsError("no Airflow: set airflow_python")
        return AirflowEnvironment(Path("python3"), "3.12.1", "", packages, ())

    monkeypatch.setattr(python, "find_environment", find)


@pytest.mark.parametrize(
    ("installed", "status", "todo"),
    [
        ({}, "fail", "set airflow_python"),
        ({"apache-airflow": "3.3.9"}, "ok", ""),
        ({"apache-airflow": "2.7.1"}, "warn", "the harness is tested on 2.11 and 3.3"),
    ],
)
def test_airflow_line_must_be_tested(
    settings: Settings, monkeypatch: pytest.MonkeyPatch, installed: dict[str, str], status: str, todo: str
) -> None:
    use_airflow(monkeypatch, installed)
    (found,) = python.check_airflow(settings)
    assert (found.status, found.todo) == (status, todo)


def test_a_package_that_differs_from_the_lock_is_a_warning(settings: Settings, monkeypatch: pytest.MonkeyPatch) -> None:
    use_airflow(monkeypatch, {"apache-airflow": "3.3.2", "pytest": pytest.__version__})
    (settings.root / "requirements").mkdir()
    lock = settings.root / "requirements" / "airflow-3.3.txt"
    (found,) = python.check_locks(settings)
    assert (found.status, found.found) == ("ok", f"no lock in {settings.root}")
    lock.write_text(f"pytest=={pytest.__version__} \\\n    --hash=sha256:0\nother==1 ; sys_platform == 'none'\n")
    (found,) = python.check_locks(settings)
    assert (found.status, found.todo) == ("ok", "")
    lock.write_text("pytest==0.1 \\\n    --hash=sha256:0\n")
    (found,) = python.check_locks(settings)
    assert found.status == "warn"
    assert f"pytest {pytest.__version__}" in found.found


class FakeClient:
    """A client of an engine without images; `info` is the engine's information."""

    def __init__(self, **info: str) -> None:
        self._info = info
        self.images = SimpleNamespace(get=self._missing)

    def version(self) -> dict[str, str]:
        return {"Version": "20.10", "ApiVersion": "1.41"}

    def info(self) -> dict[str, str]:
        return self._info

    def _missing(self, reference: str) -> None:
        raise docker.errors.ImageNotFound(reference)


def test_engine_clock_folder_and_images_are_checked(
    settings: Settings, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    an_hour_ago = (datetime.now(UTC) - timedelta(hours=1)).isoformat()
    client = FakeClient(SystemTime=an_hour_ago, DockerRootDir=str(tmp_path))
    monkeypatch.setattr(engine, "connect", lambda timeout: client)
    found = by_check(list(engine.check_engine(settings)))
    assert found["engine"].found == "20.10, API 1.41"
    assert found["engine's clock"].status == "warn"
    assert "GiB free" in found["engine's folder"].found
    assert found["images"].status == "warn"
    assert "missing: base, python," in found["images"].found

    client = FakeClient(SystemTime=datetime.now(UTC).isoformat(), DockerRootDir="/on/another/machine")
    found = by_check(list(engine.check_engine(settings)))
    assert found["engine's clock"].status == "ok"
    assert "engine's folder" not in found


@pytest.mark.parametrize(("stack", "status"), [("auto", "warn"), ("embedded", "warn"), ("containers", "fail")])
def test_a_missing_engine_fails_if_the_stack_needs_it(
    settings: Settings, monkeypatch: pytest.MonkeyPatch, stack: str, status: str
) -> None:
    def fail(timeout: float) -> None:
        raise EngineError("no Docker engine answers: start it")

    monkeypatch.setattr(engine, "connect", fail)
    (found,) = engine.check_engine(settings.model_copy(update={"stack": stack}))
    assert (found.check, found.status) == ("engine", status)
    assert found.todo


def test_registries_are_queried_for_missing_and_newer_images(
    settings: Settings, monkeypatch: pytest.MonkeyPatch
) -> None:
    answers = {
        "minio": TagStatus("missing"),
        "mc": TagStatus("token"),
        "postgres": TagStatus("present", "17.7"),
        "relay": TagStatus("present"),
    }
    monkeypatch.setattr(
        engine.registry,
        "query_registry",
        lambda reference: next((answer for name, answer in answers.items() if f"/{name}:" in f"/{reference}"), None),
    )
    containers = settings.model_copy(
        update={"stack": "containers", "image_overrides": {"relay": "own.example/relay:1"}}
    )
    found = by_check(list(engine.check_registries(containers)))
    assert (found["image minio"].status, found["image minio"].todo) == ("warn", "it is built instead")
    assert "does not exist, or needs a token" in found["image mc"].found
    assert found["image postgres"].todo.endswith("pytest --harness-postgres-image postgres:17.7")
    assert found["image relay"].status == "ok"
    assert found["registries"].found == "no answer from docker.io"
    assert list(engine.check_registries(settings.model_copy(update={"stack": "embedded"}))) == []

    answers["relay"] = TagStatus("missing")  # The override has no recipe.
    found = by_check(list(engine.check_registries(containers)))
    assert (found["image relay"].status, "relay_image" in found["image relay"].todo) == ("fail", True)


@pytest.mark.parametrize(("statuses", "code"), [(["ok"], 0), (["ok", "warn"], 0), (["fail", "ok"], 1)])
def test_command_prints_findings_and_exits_with_1_on_failure(
    statuses: list[str],
    code: int,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    monkeypatch.chdir(tmp_path)
    findings = [Finding("thing", status, "[found]", "todo") for status in statuses]  # type: ignore[arg-type]
    monkeypatch.setattr(doctor, "CHECKS", (lambda settings: findings,))
    assert main(["doctor", "--offline"]) == code
    assert capsys.readouterr().out.splitlines() == [f"{status}: thing: [found] - todo" for status in statuses]
    assert main(["doctor", "--offline", "--json"]) == code
    assert [finding["status"] for finding in json.loads(capsys.readouterr().out)] == statuses


def test_offline_skips_the_registries(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(doctor, "CHECKS", ())
    monkeypatch.setattr(engine, "check_registries", lambda settings: [Finding("registries", "ok", os.fspath(tmp_path))])
    assert (main(["doctor", "--offline"]), capsys.readouterr().out) == (0, "")
    assert (main(["doctor"]), capsys.readouterr().out) == (0, f"ok: registries: {tmp_path}\n")
