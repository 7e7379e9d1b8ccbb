"""However a test run ends, nothing of it is left on the engine."""

from __future__ import annotations

import os
import signal
import subprocess
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import docker
import pytest
from tenacity import retry, stop_after_delay, wait_fixed

from harness.engine import LABEL_SESSION, connect
from harness.progress import SILENT
from harness.services.containers import labelled, role_of
from harness.services.session import ServiceSession
from harness.services.stack import stack_in_session
from harness.settings import Settings
from tests.outer import command, environment, project, run_pytest

pytestmark = pytest.mark.engine

PROJECT = """
import docker, threading

def test_it(harness_stack):
    client = docker.DockerClient(base_url=harness_stack.relay.docker_host)
    client.containers.run(harness_stack.images["python"].reference, ["sleep", "600"], detach=True)
    client.volumes.create()
    with open({started!r}, "w") as file:
        file.write(harness_stack.session_id)
    {ending}
"""
WAIT = "threading.Event().wait(300)"


@contextmanager
def running(folder: Path, settings: Settings, log: Path, *arguments: str) -> Iterator[subprocess.Popen[bytes]]:
    """The project's pytest, in a process group of its own, with its output in `log`; it has ended afterwards."""
    with (
        log.open("w") as output,
        subprocess.Popen(
            command(folder, *arguments),
            cwd=folder,
            env=environment(settings.root),
            stdout=output,
            stderr=output,
            start_new_session=True,
        ) as child,
    ):
        yield child


@pytest.mark.parametrize(
    ("ending", "sent"),
    [
        ("pass", ()),
        ("assert False", ()),
        (WAIT, (signal.SIGINT,)),
        (WAIT, (signal.SIGINT, signal.SIGINT)),
        pytest.param(WAIT, (signal.SIGTERM,), marks=pytest.mark.at_length),
        (WAIT, (signal.SIGKILL,)),
    ],
    ids=["passes", "fails", "Ctrl-C", "Ctrl-C twice", "terminated", "kill -9"],
)
def test_nothing_is_left(
    tmp_path: Path, harness_settings: Settings, ending: str, sent: tuple[signal.Signals, ...]
) -> None:
    started = tmp_path / "started"
    folder = project(tmp_path / "project", PROJECT.format(started=str(started), ending=ending))
    log = tmp_path / "log"
    with running(folder, harness_settings, log) as child:
        session_id = _await_started(started, child, log)
        if sent:
            assert _left(connect(), session_id), "there is something to remove"
        for number, one in enumerate(sent):
            time.sleep(0.3 * number)  # the second one comes while the first is being heeded
            child.send_signal(one)
        child.wait(60)

    _await_nothing(connect(), session_id)


STARTING = """
from harness.services import reaper as module

real = module.Reaper.start
def told(client, image, session_id, timeout):
    reaper = real(client, image, session_id, timeout)
    with open({started!r}, "w") as file:
        file.write(session_id)
    return reaper
module.Reaper.start = told

def test_it(harness_stack):
    pass
"""


@pytest.mark.parametrize(
    "later", [0.0, 0.6, *(pytest.param(one, marks=pytest.mark.at_length) for one in (0.3, 0.9, 1.2))]
)
def test_nothing_is_left_of_a_start_that_is_interrupted(
    tmp_path: Path, harness_settings: Settings, later: float
) -> None:
    """Ctrl-C, and another one while the first is being heeded, at several moments of the start."""
    started = tmp_path / "started"
    folder = project(tmp_path / "project", STARTING.format(started=str(started)))
    log = tmp_path / "log"
    with running(folder, harness_settings, log) as child:
        session_id = _await_started(started, child, log)
        for pause in (later, 0.2):
            time.sleep(pause)  # the moment is what is being tried; every one has to do
            child.send_signal(signal.SIGINT)
        child.wait(60)

    _await_nothing(connect(), session_id)


HALTED = """
import itertools, threading
from docker.models.containers import Container, ContainerCollection
from harness.engine import LABEL_SESSION

real, numbers = {what}, itertools.count(1)
def halted(*arguments, **options):
    done = real(*arguments, **options)
    if next(numbers) == {number}:
        with open({started!r}, "w") as file:
            file.write((done or arguments[0]).labels[LABEL_SESSION].removesuffix("-reaper"))
        threading.Event().wait({seconds})
    return done
{what} = halted

def test_it(harness_stack):
    pass
"""


@pytest.mark.parametrize("number", [pytest.param(1, marks=pytest.mark.at_length), 2, 4, 6])
def test_nothing_is_left_of_a_start_that_is_killed(tmp_path: Path, harness_settings: Settings, number: int) -> None:
    """kill -9 when so many containers have started: the first is the reaper, to which nobody has connected yet."""
    started = tmp_path / "started"
    test = HALTED.format(what="Container.start", number=number, started=str(started), seconds=300)
    log = tmp_path / "log"
    with running(project(tmp_path / "project", test), harness_settings, log) as child:
        session_id = _await_started(started, child, log)
        assert _left(connect(), session_id), "there is something to remove"
        child.kill()
        child.wait(60)

    _await_nothing(connect(), session_id)


def test_nothing_is_left_of_a_reaper_that_is_interrupted(tmp_path: Path, harness_settings: Settings) -> None:
    """Ctrl-C while the engine creates its container."""
    started = tmp_path / "started"
    test = HALTED.format(what="ContainerCollection.create", number=1, started=str(started), seconds=1)
    log = tmp_path / "log"
    with running(project(tmp_path / "project", test), harness_settings, log) as child:
        session_id = _await_started(started, child, log)
        child.send_signal(signal.SIGINT)
        child.wait(60)

    _await_nothing(connect(), session_id)
    assert "KeyboardInterrupt" in log.read_text()


def test_what_a_killed_start_left_is_replaced(tmp_path: Path, harness_settings: Settings) -> None:
    """As when a worker of xdist is killed, and another one takes its place before the reaper sweeps."""
    started = tmp_path / "started"
    folder = project(
        tmp_path / "project", HALTED.format(what="Container.start", number=4, started=str(started), seconds=300)
    )
    log = tmp_path / "log"
    with running(folder, harness_settings, log) as child:
        session_id = _await_started(started, child, log)
        session = ServiceSession(folder, session_id)
        session.watch_too()  # as xdist's controller does
        child.kill()
        child.wait(60)

    with stack_in_session(session, harness_settings.model_copy(update={"images": {}}), {}, SILENT) as stack:
        found = labelled(connect(), {LABEL_SESSION: session_id})
        assert sorted(map(role_of, found)) == ["aws", "labelling-proxy", "minio", "postgres", "relay"]
        assert {one.status for one in found} == {"running"}
        stack.reset()
    session.end(orderly=True)
    _await_nothing(connect(), session_id)


IN_FLIGHT = """
import threading
from testcontainers.core.network import Network
from harness import engine as module

real = Network.create
def late(network):
    def make():
        threading.main_thread().join()  # the engine is slow: it makes the network when all is cleaned up
        real(network)
        with open({made!r}, "w") as file:
            file.write(module.connect().networks.list(names=[network.name])[0].attrs["Labels"][module.LABEL_SESSION])
    threading.Thread(target=make).start()
    raise KeyboardInterrupt
Network.create = late

def test_it(harness_stack):
    pass
"""


def test_nothing_is_left_of_what_the_engine_made_after_an_interrupt(tmp_path: Path, harness_settings: Settings) -> None:
    made = tmp_path / "made"
    done = run_pytest(project(tmp_path / "project", IN_FLIGHT.format(made=str(made))), harness_settings.root)
    assert done.returncode == 2, done.stdout

    session_id = made.read_text()
    assert session_id, "the network was made"
    _await_nothing(connect(), session_id)


@pytest.mark.parametrize("whom", ["the controller", pytest.param("everybody", marks=pytest.mark.at_length)])
def test_nothing_is_left_of_workers(tmp_path: Path, harness_settings: Settings, whom: str) -> None:
    """kill -9 of xdist's controller, or of its workers too, while both workers have a stack."""
    started = tmp_path / "started"
    folder = project(tmp_path / "project", WORKERS.format(started=str(started), wait=WAIT))
    log = tmp_path / "log"
    with running(folder, harness_settings, log, "-n", "2") as child:
        session_ids = {_await_started(Path(f"{started}-{number}"), child, log) for number in range(2)}
        (session_id,) = session_ids
        if whom == "everybody":
            os.killpg(child.pid, signal.SIGKILL)
        child.kill()
        child.wait(60)

    _await_nothing(connect(), session_id)


WORKERS = """
import docker, pytest, threading

@pytest.mark.parametrize("number", range(2))
def test_it(harness_stack, number):
    client = docker.DockerClient(base_url=harness_stack.relay.docker_host)
    client.containers.run(harness_stack.images["python"].reference, ["sleep", "600"], detach=True)
    with open(f"{started}-{{number}}", "w") as file:
        file.write(harness_stack.session_id)
    {wait}
"""


@retry(stop=stop_after_delay(90), wait=wait_fixed(0.1), reraise=True)
def _await_started(file: Path, child: subprocess.Popen[bytes], log: Path) -> str:
    if not file.exists() and child.poll() is not None:
        pytest.fail(log.read_text())
    found = file.read_text()
    assert found
    return found


@retry(stop=stop_after_delay(60), wait=wait_fixed(0.2), reraise=True)
def _await_nothing(client: docker.DockerClient, session_id: str) -> None:
    assert _left(client, session_id) == []


def _left(client: docker.DockerClient, session_id: str) -> list[str]:
    """Ids of what bears the labels of the session or of its reaper."""
    found: list[str] = []
    for label in (f"{LABEL_SESSION}={session_id}", f"{LABEL_SESSION}={session_id}-reaper"):
        filters = {"label": label}
        for kind in (
            client.containers.list(all=True, filters=filters, ignore_removed=True),
            client.networks.list(filters=filters),
            client.volumes.list(filters=filters),
        ):
            found += [str(one.id) for one in kind]
    return found
