"""The AWS mock as a process, and a second one in place of a missing `minio` program."""

from __future__ import annotations

import os
import re
import sys
from collections.abc import Mapping
from importlib import metadata
from importlib.util import find_spec
from pathlib import Path
from typing import Any

from docker.models.containers import Container

from harness.errors import ServiceError
from harness.services.aws import AwsService
from harness.services.containers import ATTACH_TIMEOUT
from harness.services.embedded.processes import LOOPBACK, PACKAGES_MISSING, Process, SupervisorClient
from harness.services.local_http import LOCAL
from harness.services.minio import MinioService, S3Endpoint
from harness.settings import Settings

LISTENS = re.compile(r"Running on http://127\.0\.0\.1:(\d+)")
PACKAGES = Path(__file__).parents[3]
NEEDED = ("moto", "flask", "sklearn", "google.protobuf")


class AwsProcess(AwsService):
    """The AWS mock as a process."""

    def __init__(self, keeping: SupervisorClient, settings: Settings) -> None:
        self._keeping, self._timeout, self._port = keeping, settings.start_timeout, settings.aws_port
        self.region = settings.region
        self._process: Process | None = None

    def start(self) -> None:
        self._process, port = start_aws_mock(self._keeping, self.name, self._timeout, self._port)
        self._up(port, self._timeout)

    def attach(self, containers: Mapping[str, Container], note: Mapping[str, Any]) -> None:
        self._process = Process(self.name, self._keeping.folder)
        self._up(note["port"], ATTACH_TIMEOUT)
        self.reset()

    def note(self) -> dict[str, Any]:
        return {"port": int(self.url.rpartition(":")[2])}

    def log_tail(self, lines: int) -> str:
        return self._process.tail(lines) if self._process else ""

    def _up(self, port: int, timeout: float) -> None:
        assert self._process is not None
        self.url = self.internal_url = f"http://{LOOPBACK}:{port}"
        self._process.await_ready(self._probe, timeout)


class MockAsMinio(MinioService):
    """S3 of an AWS mock in place of MinIO: it accepts any credentials and has no console."""

    def __init__(self, keeping: SupervisorClient, settings: Settings) -> None:
        super().__init__(settings)
        self._keeping, self._timeout = keeping, settings.start_timeout
        self._process: Process | None = None

    def start(self) -> None:
        self._process, port = start_aws_mock(self._keeping, self.name, self._timeout, self._ports[0])
        self._up(port, self._timeout)

    def attach(self, containers: Mapping[str, Container], note: Mapping[str, Any]) -> None:
        self._user, self._password = note["user"], note["password"]
        self._process = Process(self.name, self._keeping.folder)
        self._up(note["port"], ATTACH_TIMEOUT)

    def note(self) -> dict[str, Any]:
        return {**super().note(), "port": int(self.endpoint.url.rpartition(":")[2])}

    def version(self) -> str:
        return f"moto {metadata.version('moto')}, in MinIO's place"

    def reset(self) -> None:
        self._replace()
        for bucket in self._buckets:
            self.client().make_bucket(bucket)

    def _replace(self) -> None:
        LOCAL.request("POST", f"{self.endpoint.url}/moto-api/reset", timeout=30).raise_for_status()

    def log_tail(self, lines: int) -> str:
        return self._process.tail(lines) if self._process else ""

    def _up(self, port: int, timeout: float) -> None:
        assert self._process is not None
        url = f"http://{LOOPBACK}:{port}"
        self.endpoint = S3Endpoint(url, "", f"{LOOPBACK}:{port}", self._user, self._password)
        self._process.await_ready(self._probe, timeout)
        self.reset()


def start_aws_mock(keeping: SupervisorClient, name: str, timeout: float, port: int | None) -> tuple[Process, int]:
    """Start an AWS mock. Returns its process and the port that it prints. Raises ServiceError."""
    missing = [module for module in NEEDED if find_spec(module) is None]
    if missing:
        raise ServiceError(PACKAGES_MISSING)
    command = [sys.executable, "-m", "harness.aws_mock", "-H", LOOPBACK, "-p", str(port or 0)]
    # The process runs in the stack's folder, and the harness may not be an installed package: hence PYTHONPATH.
    env = {"PATH": os.defpath, "HOME": str(keeping.folder), "PYTHONPATH": str(PACKAGES), "PYTHONUNBUFFERED": "1"}
    process = keeping.start(name, command, env)
    ports: list[int] = []

    def read_port() -> None:
        ports.append(int(LISTENS.findall(process.tail(1000))[-1]))

    process.await_ready(read_port, timeout)
    return process, ports[-1]
