"""MinIO as a process, where there is a `minio` program on the PATH."""

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
from harness.services.embedded.processes import LOOPBACK, Process, SupervisorClient, on_free_ports
from harness.services.minio import MinioService, S3Endpoint
from harness.services.minio_admin import ADMIN, call
from harness.settings import Settings


class MinioProcess(MinioService):
    """A server of `program`, with its console."""

    def __init__(self, program: str, keeping: SupervisorClient, settings: Settings) -> None:
        super().__init__(settings)
        self._program, self._keeping, self._timeout = program, keeping, settings.start_timeout
        self._process: Process | None = None

    def start(self) -> None:
        on_free_ports(self._ports, self._start)

    def attach(self, containers: Mapping[str, Container], note: Mapping[str, Any]) -> None:
        self._user, self._password, self._fresh = note["user"], note["password"], note["fresh"]
        self._process = Process(self.name, self._keeping.folder)
        self._up(note["port"], note["console_port"], ATTACH_TIMEOUT)
        self.reset()

    def note(self) -> dict[str, Any]:
        port, console_port = (urlsplit(url).port for url in (self.endpoint.url, self.endpoint.console_url))
        return {**super().note(), "port": port, "console_port": console_port}

    def version(self) -> str:
        done = subprocess.run([self._program, "--version"], capture_output=True, text=True, check=True)
        return done.stdout.split()[2]

    def log_tail(self, lines: int) -> str:
        return self._process.tail(lines) if self._process else ""

    def _replace(self) -> None:
        """By a restart that MinIO does itself, in the same process: a kept stack has nobody who can start another."""
        assert self._process is not None
        old = ""
        with suppress(HTTPError):  # if the server does not answer, neither does the probe, which says so
            old = self._deployment()
            for left in self._data.iterdir():
                shutil.rmtree(left, ignore_errors=True)
            call(self._pool, self.endpoint, "POST", f"{ADMIN}/service?action=restart")

        def probe() -> None:
            self._probe()
            if self._deployment() == old:
                raise HTTPError("the server has not restarted")

        self._process.await_ready(probe, self._timeout)
        self._begin()

    def _deployment(self) -> str:
        """The id that MinIO gives to an empty folder when it starts."""
        return str(json.loads(call(self._pool, self.endpoint, "GET", f"{ADMIN}/info").data)["deploymentID"])

    @property
    def _data(self) -> Path:
        return self._keeping.folder / self.name

    def _start(self, port: int, console_port: int) -> None:
        keeping = self._keeping
        self._data.mkdir(exist_ok=True)
        addresses = ["--address", f"{LOOPBACK}:{port}", "--console-address", f"{LOOPBACK}:{console_port}"]
        env = {
            "PATH": os.defpath,
            "HOME": str(keeping.folder),
            "MINIO_ROOT_USER": self._user,
            "MINIO_ROOT_PASSWORD": self._password,
            "MINIO_BROWSER_REDIRECT": "off",
            "MINIO_UPDATE": "off",
        }
        self._process = keeping.start(self.name, [self._program, "server", str(self._data), *addresses], env)
        self._up(port, console_port, self._timeout)
        self._begin()

    def _up(self, port: int, console_port: int, timeout: float) -> None:
        assert self._process is not None
        url = f"http://{LOOPBACK}:{port}"
        console = f"http://{LOOPBACK}:{console_port}"
        self.endpoint = S3Endpoint(url, console, f"{LOOPBACK}:{port}", self._user, self._password)
        self._process.await_ready(self._probe, timeout)
