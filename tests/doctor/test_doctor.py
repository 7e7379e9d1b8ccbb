"""What each check of the doctor finds, and what the command makes of it."""

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

from harness.cli import doctor, main
from harness.doctor import engine, machine, python
from harness.doctor.finding import Finding
from harness.doctor.registry import Said
from harness.errors import EngineError
from harness.settings import Settings

GIB = 1024**3
Usage = namedtuple("Usage", "free")


@pytest.fixture
def settings(tmp_path: Path) -> Settings:
    return Settings(root=tmp_path, cache_dir=tmp_path / "cache")


def by_check(found: list[Finding]) -> dict[str, Finding]:
    return {one.check: one for one in found}


@pytest.mark.parametrize(("free", "status"), [(9 * GIB, "ok"), (4 * GIB, "warn"), (GIB // 2, "fail")])
def test_disk(settings: Settings, monkeypatch: pytest.MonkeyPatch, free: int, status: str) -> None:
    monkeypatch.setattr(machine.shutil, "disk_usage", lambda folder: Usage(free))
    found = by_check(list(machine.disk(settings)))
    assert found["cache folder"].status == status
    assert found["temporary folder"].status == status
    assert ("harness clean" in found["cache folder"].todo) == (status != "ok")


def test_a_folder_that_cant_be_written(settings: Settings, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(machine.os, "access", lambda folder, how: False)
    found = by_check(list(machine.disk(settings)))["cache folder"]
    assert (found.status, "HARNESS_CACHE_DIR" in found.todo) == ("fail", True)


@pytest.mark.parametrize(("gib", "status"), [(8, "ok"), (3, "warn")])
def test_memory(settings: Settings, monkeypatch: pytest.MonkeyPatch, gib: int, status: str) -> None:
    pages = {"SC_PAGE_SIZE": 4096, "SC_PHYS_PAGES": gib * GIB // 4096}
    monkeypatch.setattr(machine.os, "sysconf", pages.__getitem__)
    (found,) = machine.memory(settings)
    assert (found.status, found.found) == (status, f"{gib}.0 GiB")


def test_a_fixed_port_that_somebody_has(settings: Settings) -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken, socket.create_server(("127.0.0.1", 0)) as other:
        port, free = taken.getsockname()[1], other.getsockname()[1]
        other.close()
        found = by_check(list(machine.ports(settings.model_copy(update={"minio_port": port, "aws_port": free}))))
    assert found["loopback"].status == "ok"
    assert (found["minio_port"].status, "harness down" in found["minio_port"].todo) == ("warn", True)
    assert found["aws_port"].status == "ok"


def test_a_clock_that_is_behind(settings: Settings, monkeypatch: pytest.MonkeyPatch) -> None:
    assert [one.status for one in machine.clock(settings)] == ["ok"]
    monkeypatch.setattr(machine, "datetime", SimpleNamespace(now=lambda zone: datetime(2020, 1, 1, tzinfo=zone)))
    assert [one.status for one in machine.clock(settings)] == ["warn"]


def test_python(settings: Settings, monkeypatch: pytest.MonkeyPatch) -> None:
    (found,) = python.python(settings)
    assert (found.status, found.found) == ("ok", ".".join(map(str, sys.version_info[:3])))
    monkeypatch.setattr(python.sys, "version_info", (3, 9, 1))
    (found,) = python.python(settings)
    assert (found.status, found.todo) == ("fail", "use one that is <3.13,>=3.11")


@pytest.mark.parametrize(
    ("installed", "status", "todo"),
    [
        ({}, "fail", "pip install 'airflow-scenario-harness[airflow]'"),
        ({"apache-airflow": "3.3.9"}, "ok", ""),
        ({"apache-airflow": "2.7.1"}, "warn", "the harness is tested on 2.11 and 3.3"),
    ],
)
def test_airflow(
    settings: Settings, monkeypatch: pytest.MonkeyPatch, installed: dict[str, str], status: str, todo: str
) -> None:
    monkeypatch.setattr(python, "versions", lambda: installed)
    (found,) = python.airflow(settings)
    assert (found.status, found.todo) == (status, todo)


def test_what_is_not_as_in_the_lock(settings: Settings, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(python, "versions", lambda: {"apache-airflow": "3.3.2"})
    (settings.root / "requirements").mkdir()
    lock = settings.root / "requirements" / "airflow-3.3.txt"
    (found,) = python.locks(settings)
    assert (found.status, found.found) == ("ok", f"no lock in {settings.root}")
    lock.write_text(f"pytest=={pytest.__version__} \\\n    --hash=sha256:0\nother==1 ; sys_platform == 'none'\n")
    (found,) = python.locks(settings)
    assert (found.status, found.todo) == ("ok", "")
    lock.write_text("pytest==0.1 \\\n    --hash=sha256:0\n")
    (found,) = python.locks(settings)
    assert found.status == "warn"
    assert f"pytest {pytest.__version__}" in found.found


class Client:
    """An engine that has no image, and says what it is told to."""

    def __init__(self, **info: str) -> None:
        self._info = info
        self.images = SimpleNamespace(get=self._missing)

    def version(self) -> dict[str, str]:
        return {"Version": "20.10", "ApiVersion": "1.41"}

    def info(self) -> dict[str, str]:
        return self._info

    def _missing(self, reference: str) -> None:
        raise docker.errors.ImageNotFound(reference)


def test_an_engine(settings: Settings, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    an_hour_ago = (datetime.now(UTC) - timedelta(hours=1)).isoformat()
    client = Client(SystemTime=an_hour_ago, DockerRootDir=str(tmp_path))
    monkeypatch.setattr(engine, "connect", lambda timeout: client)
    found = by_check(list(engine.engine(settings)))
    assert found["engine"].found == "20.10, API 1.41"
    assert found["engine's clock"].status == "warn"
    assert "GiB free" in found["engine's folder"].found
    assert found["images"].status == "warn"
    assert "without base, python," in found["images"].found

    client = Client(SystemTime=datetime.now(UTC).isoformat(), DockerRootDir="/on/another/machine")
    found = by_check(list(engine.engine(settings)))
    assert found["engine's clock"].status == "ok"
    assert "engine's folder" not in found


@pytest.mark.parametrize(("stack", "status"), [("auto", "warn"), ("embedded", "warn"), ("containers", "fail")])
def test_no_engine(settings: Settings, monkeypatch: pytest.MonkeyPatch, stack: str, status: str) -> None:
    def gone(timeout: float) -> None:
        raise EngineError("no Docker engine answers: start it")

    monkeypatch.setattr(engine, "connect", gone)
    (found,) = engine.engine(settings.model_copy(update={"stack": stack}))
    assert (found.check, found.status) == ("engine", status)
    assert found.todo


def test_what_registries_say(settings: Settings, monkeypatch: pytest.MonkeyPatch) -> None:
    said = {"minio": Said("gone"), "mc": Said("token"), "postgres": Said("there", "17.7"), "relay": Said("there")}
    monkeypatch.setattr(
        engine.registry,
        "ask",
        lambda reference: next((told for name, told in said.items() if f"/{name}:" in f"/{reference}"), None),
    )
    chosen = settings.model_copy(update={"stack": "containers", "image_overrides": {"relay": "own.example/relay:1"}})
    found = by_check(list(engine.registries(chosen)))
    assert (found["image minio"].status, found["image minio"].todo) == ("warn", "it is built instead")
    assert "is gone, or needs a token" in found["image mc"].found
    assert found["image postgres"].todo.endswith("pytest --postgres-image postgres:17.7")
    assert found["image relay"].status == "ok"
    assert found["registries"].found == "no answer from docker.io"
    assert list(engine.registries(settings.model_copy(update={"stack": "embedded"}))) == []

    said["relay"] = Said("gone")  # which no recipe can take the place of
    found = by_check(list(engine.registries(chosen)))
    assert (found["image relay"].status, "--relay-image" in found["image relay"].todo) == ("fail", True)


@pytest.mark.parametrize(("statuses", "code"), [(["ok"], 0), (["ok", "warn"], 0), (["fail", "ok"], 1)])
def test_the_command(
    statuses: list[str],
    code: int,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    monkeypatch.chdir(tmp_path)
    findings = [Finding("thing", status, "[so]", "that") for status in statuses]  # type: ignore[arg-type]
    monkeypatch.setattr(doctor, "CHECKS", (lambda settings: findings,))
    assert main(["doctor", "--offline"]) == code
    assert capsys.readouterr().out.splitlines() == [f"{status}: thing: [so] - that" for status in statuses]
    assert main(["doctor", "--offline", "--json"]) == code
    assert [one["status"] for one in json.loads(capsys.readouterr().out)] == statuses


def test_offline_asks_nobody(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(doctor, "CHECKS", ())
    monkeypatch.setattr(engine, "registries", lambda settings: [Finding("registries", "ok", os.fspath(tmp_path))])
    assert (main(["doctor", "--offline"]), capsys.readouterr().out) == (0, "")
    assert (main(["doctor"]), capsys.readouterr().out) == (0, f"ok: registries: {tmp_path}\n")
