"""MinIO as a process, if a `minio` program is on the PATH."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
from collections.abc import Mapping
from contextlib import suppress
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

from docker.models.containers import Container
from urllib3.exceptions import HTTPError

from harness.services.containers import ATTACH_TIMEOUT
from harness.services.embedded.processes import LOOPBACK, Process, SupervisorClient, start_on_free_ports
from harness.services.minio import MinioService, S3Endpoint
from harness.services.minio_admin import ADMIN, call
from harness.settings import Settings


class MinioProcess(MinioService):
    """A MinIO server of `program`, with its console."""

    def __init__(self, program: str, supervisor: SupervisorClient, settings: Settings) -> None:
        super().__init__(settings)
        self._program, self._supervisor, self._timeout = program, supervisor, settings.start_timeout
        self._process: Process | None = None

    def start(self) -> None:
        start_on_free_ports(self._ports, self._start)

    def attach(self, containers: Mapping[str, Container], state: Mapping[str, Any]) -> None:
        self._user, self._password, self._fresh = state["user"], state["password"], state["fresh"]
        self._process = Process(self.name, self._supervisor.folder)
        self._connect(state["port"], state["console_port"], ATTACH_TIMEOUT)
        self.reset()

    def export_state(self) -> dict[str, Any]:
        port, console_port = (urlsplit(url).port for url in (self.endpoint.url, self.endpoint.console_url))
        return {**super().export_state(), "port": port, "console_port": console_port}

    def version(self) -> str:
        result = subprocess.run([self._program, "--version"], capture_output=True, text=True, check=True)
        return result.stdout.split()[2]

    def mark_log(self) -> None:
        if self._process:
            self._process.mark_log()

    def log_tail(self, lines: int) -> str:
        return self._process.read_log_tail(lines) if self._process else ""

    def _replace(self) -> None:
        """Empty the data and have MinIO restart itself, as a kept supervisor starts no process."""
        assert self._process is not None
        old = ""
        with suppress(HTTPError):  # If the server does not answer, the probe reports that.
            old = self._deployment()
            for path in self._data.iterdir():
                shutil.rmtree(path, ignore_errors=True)
            call(self._pool, self.endpoint, "POST", f"{ADMIN}/service?action=restart")

        def probe() -> None:
            self._probe()
            if self._deployment() == old:
                raise HTTPError("the server has not restarted")

        self._process.await_ready(probe, self._timeout)
        self._create_buckets()

    def _deployment(self) -> str:
        """Return the id that MinIO generates when it starts with an empty folder."""
        return str(json.loads(call(self._pool, self.endpoint, "GET", f"{ADMIN}/info").data)["deploymentID"])

    @property
    def _data(self) -> Path:
        return self._supervisor.folder / self.name

    def _start(self, port: int, console_port: int) -> None:
        self._data.mkdir(exist_ok=True)
        addresses = ["--address", f"{LOOPBACK}:{port}", "--console-address", f"{LOOPBACK}:{console_port}"]
        env = {
            "PATH": os.defpath,
            "HOME": str(self._supervisor.folder),
            "MINIO_ROOT_USER": self._user,
            "MINIO_ROOT_PASSWORD": self._password,
            "MINIO_BROWSER_REDIRECT": "off",
            "MINIO_UPDATE": "off",
        }
        self._process = self._supervisor.start(self.name, [self._program, "server", str(self._data), *addresses], env)
        self._connect(port, console_port, self._timeout)
        self._create_buckets()

    def _connect(self, port: int, console_port: int, timeout: float) -> None:
        assert self._process is not None
        url = f"http://{LOOPBACK}:{port}"
        console = f"http://{LOOPBACK}:{console_port}"
        self.endpoint = S3Endpoint(url, console, f"{LOOPBACK}:{port}", self._user, self._password)
        self._process.await_ready(self._probe, timeout)
