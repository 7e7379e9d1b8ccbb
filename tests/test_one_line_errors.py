"""Invalid input gives one clear line on the terminal, and no traceback."""

from __future__ import annotations

import re
import socket
import threading
from contextlib import suppress
from pathlib import Path

import pytest
from tenacity import retry, stop_after_delay, wait_fixed

from harness.engine import LABEL_SESSION, connect
from harness.services.containers import list_labelled
from harness.services.stack import Stack
from harness.settings import Settings
from tests.outer import project, run_pytest

RUN = "def test_it(world):\n    world.run({dag!r}, {date!r})\n"
HELLO = RUN.format(dag="hello", date="2021-01-01")
SIDECAR = """
import docker

def test_it(world):
    through = docker.DockerClient(base_url=world.stack.relay.docker_host)
    through.containers.run(world.stack.images["python"].reference, ["sleep", "600"], detach=True)
    world.run("hello", "2021-01-01")
"""
"""The container is still running when the evidence is gathered, so the harness queries the engine about it."""


@pytest.mark.engine
@pytest.mark.parametrize(
    ("test", "arguments", "message"),
    [
        (RUN.format(dag="hello", date="2021-02-30"), (), "'2021-02-30' is not a date: write 2021-01-31"),
        (HELLO, ("--harness-minio-image", "localhost:9/no/such:image"), "image minio"),
        (HELLO, ("--harness-minio-image", "{relay}"), "minio started from {relay} and exited with code 1"),
    ],
    ids=["bad date", "no such image", "an image that exits"],
)
def test_a_scenario_with_invalid_input_fails_in_one_line(
    tmp_path: Path,
    harness_settings: Settings,
    harness_stack: Stack,
    test: str,
    arguments: tuple[str, ...],
    message: str,
) -> None:
    relay = harness_stack.images["relay"].reference
    folder = project(tmp_path, test)

    done = run_pytest(folder, harness_settings.root, *(a.format(relay=relay) for a in arguments))

    assert done.returncode == 1, done.stdout
    lines = [line for line in done.stdout.splitlines() if message.format(relay=relay) in line]
    assert lines, done.stdout
    assert "Traceback" not in done.stdout + done.stderr
    assert not re.search(r"harness/\w+(/\w+)*\.py", done.stdout), "no line of the harness's own code is shown"


@pytest.mark.parametrize(
    ("arguments", "more", "message"),
    [
        (("--harness-image-mode", "never"), {}, "argument --harness-image-mode: invalid choice: 'never'"),
        ((), {"HARNESS_IMAGE_MODE": "never"}, "setting 'image_mode': Input should be 'auto', 'pull' or 'build'"),
        (("--no-such-option",), {}, "unrecognized arguments: --no-such-option"),
    ],
)
def test_an_invalid_option_is_refused_in_one_line(
    tmp_path: Path, harness_settings: Settings, arguments: tuple[str, ...], more: dict[str, str], message: str
) -> None:
    done = run_pytest(project(tmp_path, HELLO), harness_settings.root, *arguments, more=more)
    assert done.returncode == 4
    assert message in done.stderr
    assert "Traceback" not in done.stdout + done.stderr


def test_a_missing_engine_is_one_line_that_names_make_engine(tmp_path: Path, harness_settings: Settings) -> None:
    folder = project(tmp_path, HELLO)
    no_engine = {"DOCKER_HOST": f"unix://{tmp_path}/none.sock"}
    done = run_pytest(folder, harness_settings.root, "--harness-stack", "containers", more=no_engine)
    assert done.returncode != 0
    assert "no Docker engine answers: start one" in done.stdout + done.stderr
    assert "Traceback" not in done.stdout + done.stderr


@pytest.mark.engine
@pytest.mark.parametrize(
    ("request_line", "times", "test"),
    [
        (b"/containers/create", 3, HELLO),
        pytest.param(b"filters=%7B%22id%22", 1, SIDECAR, marks=pytest.mark.at_length),
    ],
    ids=["while services start", "while a run is gathered"],
)
def test_an_engine_that_stops_answering_is_an_error_in_one_line(
    tmp_path: Path, harness_settings: Settings, request_line: bytes, times: int, test: str
) -> None:
    """The connection to the engine is cut at a certain request."""
    with Wire("/var/run/docker.sock", request_line, times) as wire:
        folder = project(tmp_path, test)
        done = run_pytest(folder, harness_settings.root, more={"DOCKER_HOST": f"tcp://127.0.0.1:{wire.port}"})
    assert wire.is_cut
    assert wire.session_id
    _await_removal(wire.session_id)  # the reaper removes the session, because the cut-off harness can't
    assert done.returncode == 1, done.stdout
    assert "EngineError: the Docker engine stopped answering while" in done.stdout
    assert "INTERNALERROR" not in done.stdout
    assert "Traceback" not in done.stdout + done.stderr


@retry(stop=stop_after_delay(30), wait=wait_fixed(0.2), reraise=True)
def _await_removal(session_id: str) -> None:
    assert list_labelled(connect(), {LABEL_SESSION: session_id}) == []


SERVICE_SESSION = re.compile(rf'"{LABEL_SESSION}": "(\w+)"'.encode())


class Wire:
    """A TCP port that forwards to a unix socket until bytes containing `cut_at` were sent `times` times.

    `session_id` is the session's id in the forwarded requests.
    """

    def __init__(self, target: str, cut_at: bytes, times: int) -> None:
        self.target = target
        self.cut_at = cut_at
        self.times = times
        self.is_cut = False
        self.session_id = ""
        self._seen = 0
        self._server = socket.create_server(("127.0.0.1", 0))
        self.port = self._server.getsockname()[1]

    def __enter__(self) -> Wire:
        threading.Thread(target=self._accept, daemon=True).start()
        return self

    def __exit__(self, *_: object) -> None:
        self._server.close()

    def _accept(self) -> None:
        while True:
            try:
                client, _ = self._server.accept()
            except OSError:
                return
            if self.is_cut:
                client.close()
                continue
            engine = socket.socket(socket.AF_UNIX)
            engine.connect(self.target)
            for source, sink in ((client, engine), (engine, client)):
                threading.Thread(target=self._pass_on, args=(source, sink), daemon=True).start()

    def _pass_on(self, source: socket.socket, sink: socket.socket) -> None:
        try:
            while not self.is_cut and (chunk := source.recv(65536)):
                self._seen += self.cut_at in chunk
                if label := SERVICE_SESSION.search(chunk):
                    self.session_id = label[1].decode()
                self.is_cut = self._seen >= self.times
                if not self.is_cut:
                    sink.sendall(chunk)
        except OSError:
            pass
        for end in (source, sink):
            with suppress(OSError):
                end.shutdown(socket.SHUT_RDWR)  # close() alone does not wake a reader in another thread
            end.close()
