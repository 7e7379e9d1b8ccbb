"""The AWS mock as a process, and another one that replaces a missing `minio` program."""

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

LISTENING = re.compile(r"Running on http://127\.0\.0\.1:(\d+)")
ROOT = Path(__file__).parents[3]
REQUIRED = ("moto", "flask", "sklearn", "google.protobuf")


class AwsProcess(AwsService):
    """The AWS mock as a process."""

    def __init__(self, supervisor: SupervisorClient, settings: Settings) -> None:
        self._supervisor, self._timeout, self._port = supervisor, settings.start_timeout, settings.aws_port
        self.region = settings.region
        self._process: Process | None = None

    def start(self) -> None:
        self._process, port = start_aws_mock(self._supervisor, self.name, self._timeout, self._port)
        self._connect(port, self._timeout)

    def attach(self, containers: Mapping[str, Container], state: Mapping[str, Any]) -> None:
        self._process = Process(self.name, self._supervisor.folder)
        self._connect(state["port"], ATTACH_TIMEOUT)
        self.reset()

    def export_state(self) -> dict[str, Any]:
        return {"port": int(self.url.rpartition(":")[2])}

    def mark_log(self) -> None:
        if self._process:
            self._process.mark_log()

    def log_tail(self, lines: int) -> str:
        return self._process.read_log_tail(lines) if self._process else ""

    def _connect(self, port: int, timeout: float) -> None:
        assert self._process is not None
        self.url = self.internal_url = f"http://{LOOPBACK}:{port}"
        self._process.await_ready(self._probe, timeout)


class MockAsMinio(MinioService):
    """The S3 of an AWS mock instead of MinIO. It accepts any credentials and has no console."""

    def __init__(self, supervisor: SupervisorClient, settings: Settings) -> None:
        super().__init__(settings)
        self._supervisor, self._timeout = supervisor, settings.start_timeout
        self._process: Process | None = None

    def start(self) -> None:
        self._process, port = start_aws_mock(self._supervisor, self.name, self._timeout, self._ports[0])
        self._connect(port, self._timeout)

    def attach(self, containers: Mapping[str, Container], state: Mapping[str, Any]) -> None:
        self._user, self._password = state["user"], state["password"]
        self._process = Process(self.name, self._supervisor.folder)
        self._connect(state["port"], ATTACH_TIMEOUT)

    def export_state(self) -> dict[str, Any]:
        return {**super().export_state(), "port": int(self.endpoint.url.rpartition(":")[2])}

    def version(self) -> str:
        return f"moto {metadata.version('moto')}, instead of MinIO"

    def reset(self) -> None:
        self._replace()
        for bucket in self._buckets:
            self.client().make_bucket(bucket)

    def _replace(self) -> None:
        LOCAL.request("POST", f"{self.endpoint.url}/moto-api/reset", timeout=30).raise_for_status()

    def mark_log(self) -> None:
        if self._process:
            self._process.mark_log()

    def log_tail(self, lines: int) -> str:
        return self._process.read_log_tail(lines) if self._process else ""

    def _connect(self, port: int, timeout: float) -> None:
        assert self._process is not None
        url = f"http://{LOOPBACK}:{port}"
        self.endpoint = S3Endpoint(url, "", f"{LOOPBACK}:{port}", self._user, self._password)
        self._process.await_ready(self._probe, timeout)
        self.reset()


def start_aws_mock(supervisor: SupervisorClient, name: str, timeout: float, port: int | None) -> tuple[Process, int]:
    """Start an AWS mock. Returns its process and the port that it prints. Raises ServiceError."""
    missing = [module for module in REQUIRED if find_spec(module) is None]
    if missing:
        raise ServiceError(PACKAGES_MISSING)
    command = [sys.executable, "-m", "harness.aws_mock", "-H", LOOPBACK, "-p", str(port or 0)]
    # PYTHONPATH, because the process runs in the stack's folder and the harness may not be installed.
    env = {"PATH": os.defpath, "HOME": str(supervisor.folder), "PYTHONPATH": str(ROOT), "PYTHONUNBUFFERED": "1"}
    process = supervisor.start(name, command, env)
    ports: list[int] = []

    def read_port() -> None:
        ports.append(int(LISTENING.findall(process.read_log_tail(1000))[-1]))

    process.await_ready(read_port, timeout)
    return process, ports[-1]
