"""However a test run ends, nothing of it is left on the engine."""

from __future__ import annotations

import signal
import subprocess
import time
from pathlib import Path

import docker
import pytest
from tenacity import retry, stop_after_delay, wait_fixed

from harness.engine import LABEL_STACK, connect
from harness.settings import Settings
from tests.outer import command, environment, project

pytestmark = pytest.mark.engine

PROJECT = """
import docker, threading

def test_it(stack):
    client = docker.DockerClient(base_url=stack.relay.docker_host)
    client.containers.run(stack.images["python"].reference, ["sleep", "600"], detach=True)
    client.volumes.create()
    with open({started!r}, "w") as file:
        file.write(stack.stack_id)
    {ending}
"""
WAIT = "threading.Event().wait(300)"


@pytest.mark.parametrize(
    ("ending", "sent"),
    [
        ("pass", ()),
        ("assert False", ()),
        (WAIT, (signal.SIGINT,)),
        (WAIT, (signal.SIGINT, signal.SIGINT)),
        (WAIT, (signal.SIGTERM,)),
        (WAIT, (signal.SIGKILL,)),
    ],
    ids=["passes", "fails", "Ctrl-C", "Ctrl-C twice", "terminated", "kill -9"],
)
def test_nothing_is_left(tmp_path: Path, settings: Settings, ending: str, sent: tuple[signal.Signals, ...]) -> None:
    started = tmp_path / "started"
    folder = project(tmp_path / "project", PROJECT.format(started=str(started), ending=ending))
    log = tmp_path / "log"
    with (
        log.open("w") as output,
        subprocess.Popen(
            command(folder), cwd=folder, env=environment(settings.root), stdout=output, stderr=output
        ) as child,
    ):
        stack_id = _await_started(started, child, log)
        if sent:
            assert _left(connect(), stack_id), "there is something to remove"
        for number, one in enumerate(sent):
            time.sleep(0.3 * number)  # the second one comes while the first is being heeded
            child.send_signal(one)
        child.wait(60)

    _await_nothing(connect(), stack_id)


STARTING = """
from harness.services import stack as module

real = module.Reaper
def told(image, stack_id, timeout):
    reaper = real(image, stack_id, timeout)
    with open({started!r}, "w") as file:
        file.write(stack_id)
    return reaper
module.Reaper = told

def test_it(stack):
    pass
"""


@pytest.mark.parametrize("later", [0.0, 0.3, 0.6, 0.9, 1.2])
def test_nothing_is_left_of_a_start_that_is_interrupted(tmp_path: Path, settings: Settings, later: float) -> None:
    """Ctrl-C, and another one while the first is being heeded, at several moments of the start."""
    started = tmp_path / "started"
    folder = project(tmp_path / "project", STARTING.format(started=str(started)))
    log = tmp_path / "log"
    with (
        log.open("w") as output,
        subprocess.Popen(
            command(folder), cwd=folder, env=environment(settings.root), stdout=output, stderr=output
        ) as child,
    ):
        stack_id = _await_started(started, child, log)
        for pause in (later, 0.2):
            time.sleep(pause)  # the moment is what is being tried; every one has to do
            child.send_signal(signal.SIGINT)
        child.wait(60)

    _await_nothing(connect(), stack_id)


@retry(stop=stop_after_delay(90), wait=wait_fixed(0.1), reraise=True)
def _await_started(file: Path, child: subprocess.Popen[bytes], log: Path) -> str:
    if not file.exists() and child.poll() is not None:
        pytest.fail(log.read_text())
    found = file.read_text()
    assert found
    return found


@retry(stop=stop_after_delay(60), wait=wait_fixed(0.2), reraise=True)
def _await_nothing(client: docker.DockerClient, stack_id: str) -> None:
    assert _left(client, stack_id) == []


def _left(client: docker.DockerClient, stack_id: str) -> list[str]:
    """Ids of what bears the labels of the stack or of its reaper."""
    found: list[str] = []
    for label in (f"{LABEL_STACK}={stack_id}", f"{LABEL_STACK}={stack_id}-reaper"):
        filters = {"label": label}
        for kind in (
            client.containers.list(all=True, filters=filters, ignore_removed=True),
            client.networks.list(filters=filters),
            client.volumes.list(filters=filters),
        ):
            found += [str(one.id) for one in kind]
    return found
