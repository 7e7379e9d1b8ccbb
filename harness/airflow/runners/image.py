"""The image runner: each command runs in a container of an Airflow image.

The container is on the stack's network. It starts with the image's entrypoint, by the contract of the official image:
default user, group 0, and `python` as its command. The variables of a run reach the command alone, so no entrypoint
installs packages or waits for a database because of them.
"""

from __future__ import annotations

import json
import tempfile
import threading
import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import urllib3
from docker.errors import APIError
from docker.models.containers import Container

from harness.airflow.container_files import list_folders, pack, unpack
from harness.airflow.environments import INSIDE
from harness.airflow.inside import supervisor
from harness.airflow.installers import CERTIFICATES, INDEXES
from harness.airflow.runners import ProcessResult
from harness.declarations import CLOUD
from harness.engine import connect, engine_errors
from harness.services.addresses import map_addresses, replace_addresses
from harness.services.containers import Spec, create, remove, start
from harness.services.extra import extra_labels, wait_for_exit
from harness.services.stack import Stack
from harness.shown_text import shown_text

CONTRACT = {
    "CONNECTION_CHECK_MAX_COUNT": "0",
    "_AIRFLOW_DB_MIGRATE": "",
    "_AIRFLOW_DB_UPGRADE": "",
    "_AIRFLOW_WWW_USER_CREATE": "",
    "_PIP_ADDITIONAL_REQUIREMENTS": "",
}
"""Variables that keep the official entrypoint from checking and changing a database and from installing packages."""
HOST_VARIABLES = ("PATH", *CERTIFICATES, *INDEXES)
"""Variables of a run on this machine that don't apply in the image."""
DROPPED = (*CLOUD, "AIRFLOW_CONN_", "AIRFLOW__SECRETS__")
"""Prefixes of the image's variables that may lead to a real account."""
TURNED_OFF = {
    "AIRFLOW__SECRETS__BACKEND": "",
    "AIRFLOW__WORKERS__SECRETS_BACKEND": "",
    "AIRFLOW__LOGGING__REMOTE_LOGGING": "False",
}
"""Settings that the image's airflow.cfg may have, and that lead out of this machine. A project may declare others."""
END_TIMEOUT = supervisor.STACKS_SECONDS + supervisor.END_SECONDS + 5
REQUEST = "/harness-request.json"


@dataclass(frozen=True)
class ImageRunner:
    """Runs commands in containers of `spec`, one for each command, with `labels`.

    `network` is the stack's; without a stack the container is offline. `addresses` maps addresses on this machine to
    those in the network. `files` maps further absolute paths to contents; `user` replaces the image's user.
    """

    spec: Spec
    labels: Mapping[str, str]
    root: Path
    network: str | None = None
    addresses: Mapping[str, str] = field(default_factory=dict)
    files: Mapping[str, bytes] = field(default_factory=dict)
    user: str | None = None

    def execute(
        self, command: Sequence[str], env: Mapping[str, str], folder: Path, log_file: Path, timeout: float
    ) -> ProcessResult:
        """Run `command` in `folder` with `env` and the image's own variables.

        The output goes to `log_file`. The container ends with the command, after `timeout` seconds and on an interrupt;
        if this process is killed, the reaper removes it. The files that the command left in `folder` are there
        afterwards. Raises ServiceError if the engine refuses, EngineError if it is gone.
        """
        began = time.monotonic()
        files = {**self.files, REQUEST: json.dumps(self.build_request(command, env, folder)).encode()}
        with self._container() as container, engine_errors(f"running {self.spec.role}"):
            with pack(list_folders(env, folder, self.root), files) as tar:
                container.put_archive("/", tar)
            with _copied_output(container, log_file):
                start(container)
                exit_code = wait_for_exit(container, timeout)
                seconds = time.monotonic() - began
                if exit_code is None:
                    _end(container)
            _fetch(container, folder)
        return ProcessResult(exit_code, shown_text(log_file.read_text(errors="replace")), seconds)

    def build_request(self, command: Sequence[str], env: Mapping[str, str], folder: Path) -> dict[str, Any]:
        """Return the request for the program `contained`, with the addresses of the network."""
        variables = {name: value for name, value in {**TURNED_OFF, **env}.items() if name not in HOST_VARIABLES}
        return {
            "command": [replace_addresses(word, self.addresses) for word in command],
            "env": {name: replace_addresses(value, self.addresses) for name, value in variables.items()},
            "folder": str(folder),
            "dropped": DROPPED,
        }

    @contextmanager
    def _container(self) -> Iterator[Container]:
        container = create(connect(), self.spec, self.labels, self.network, self.user)
        try:
            yield container
        finally:
            remove(container)


def create_runner(image: str, root: Path, labels: Mapping[str, str], stack: Stack | None = None) -> ImageRunner:
    """Return the runner of an image by its reference.

    With a `stack` the commands reach its services; without one they have no network.
    """
    spec = Spec(
        role="airflow",
        image=image,
        env=CONTRACT,
        command=("python", str(INSIDE), "contained", REQUEST),
        offline=stack is None,
    )
    if stack is None:
        return ImageRunner(spec, labels, root)
    return ImageRunner(spec, extra_labels(stack), root, stack.network, map_addresses(stack))


@contextmanager
def _copied_output(container: Container, log_file: Path) -> Iterator[None]:
    """Write the container's output to the file while it runs, with any log driver."""
    stream = container.attach(stream=True, stdout=True, stderr=True)

    def copy() -> None:
        # If the engine dies, wait_for_exit() reports it.
        with log_file.open("wb", buffering=0) as log, suppress(urllib3.exceptions.HTTPError, OSError):
            for part in stream:
                log.write(part)

    thread = threading.Thread(target=copy, name="airflow-output", daemon=True)
    thread.start()
    yield
    thread.join(END_TIMEOUT)


def _end(container: Container) -> None:
    """End a container whose time is over; its command prints its Python stacks first."""
    with suppress(APIError):  # It has just exited.
        container.kill("SIGTERM")
        if wait_for_exit(container, END_TIMEOUT) is None:
            container.kill()
            wait_for_exit(container, END_TIMEOUT)


def _fetch(container: Container, folder: Path) -> None:
    chunks, _ = container.get_archive(str(folder))
    with tempfile.TemporaryFile() as tar:
        for chunk in chunks:
            tar.write(chunk)
        tar.seek(0)
        unpack(tar, folder)
