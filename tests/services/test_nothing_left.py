"""A test run leaves nothing on the engine, however it ends."""

from __future__ import annotations

import os
import signal
import subprocess
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

import docker
import pytest
from tenacity import retry, stop_after_delay, wait_fixed

from harness.engine import LABEL_SESSION, connect
from harness.progress import SILENT
from harness.services.containers import list_labelled, role_of
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
    """Run the project's pytest in its own process group, with output in `log`, which a test shows if the run hangs."""
    with log.open("w") as output:
        child = subprocess.Popen(
            command(folder, *arguments),
            cwd=folder,
            env={**environment(settings.root), "PYTHONFAULTHANDLER": "1"},
            stdout=output,
            stderr=output,
            start_new_session=True,
        )
    try:
        yield child
        child.wait(60)
    except BaseException as error:
        child.send_signal(signal.SIGABRT)  # prints the stacks of all threads
        with suppress(subprocess.TimeoutExpired):
            child.wait(10)
        with suppress(ProcessLookupError):
            os.killpg(child.pid, signal.SIGKILL)
        child.wait(60)
        error.add_note(log.read_text())
        raise


@pytest.mark.parametrize(
    ("ending", "sent"),
    [
        pytest.param("pass", (), marks=pytest.mark.at_length),
        pytest.param("assert False", (), marks=pytest.mark.at_length),
        (WAIT, (signal.SIGINT,)),
        pytest.param(WAIT, (signal.SIGINT, signal.SIGINT), marks=pytest.mark.at_length),
        pytest.param(WAIT, (signal.SIGTERM,), marks=pytest.mark.at_length),
        (WAIT, (signal.SIGKILL,)),
    ],
    ids=["passes", "fails", "Ctrl-C", "Ctrl-C twice", "terminated", "kill -9"],
)
def test_a_run_leaves_nothing(
    tmp_path: Path, harness_settings: Settings, ending: str, sent: tuple[signal.Signals, ...]
) -> None:
    started = tmp_path / "started"
    folder = project(tmp_path / "project", PROJECT.format(started=str(started), ending=ending))
    log = tmp_path / "log"
    with running(folder, harness_settings, log) as child:
        session_id = _await_started(started, child, log)
        if sent:
            assert _left(connect(), session_id), "the run has started containers"
        for number, signal_ in enumerate(sent):
            time.sleep(0.3 * number)  # The second signal must arrive while the first is being handled.
            child.send_signal(signal_)

    _await_nothing(connect(), session_id)


STARTING = """
from harness.services import reaper as module

real = module.Reaper.start
def start(client, image, session_id, timeout):
    reaper = real(client, image, session_id, timeout)
    with open({started!r}, "w") as file:
        file.write(session_id)
    return reaper
module.Reaper.start = start

def test_it(harness_stack):
    pass
"""


@pytest.mark.parametrize(
    "later", [0.0, *(pytest.param(later, marks=pytest.mark.at_length) for later in (0.3, 0.6, 0.9, 1.2))]
)
def test_an_interrupted_start_leaves_nothing(tmp_path: Path, harness_settings: Settings, later: float) -> None:
    """Two Ctrl-C come at several moments, the second while the first is being handled."""
    started = tmp_path / "started"
    folder = project(tmp_path / "project", STARTING.format(started=str(started)))
    log = tmp_path / "log"
    with running(folder, harness_settings, log) as child:
        session_id = _await_started(started, child, log)
        for pause in (later, 0.2):
            time.sleep(pause)  # The test tries several moments.
            child.send_signal(signal.SIGINT)

    _await_nothing(connect(), session_id)


HALTED = """
import itertools, threading
from docker.models.containers import Container, ContainerCollection
from harness.engine import LABEL_SESSION

real, numbers = {what}, itertools.count(1)
def halt(*arguments, **options):
    result = real(*arguments, **options)
    if next(numbers) == {number}:
        with open({started!r}, "w") as file:
            file.write((result or arguments[0]).labels[LABEL_SESSION].removesuffix("-reaper"))
        threading.Event().wait({seconds})
    return result
{what} = halt

def test_it(harness_stack):
    pass
"""


@pytest.mark.at_length  # kill -9 of a run with all services is tested above
@pytest.mark.parametrize("number", [1, 2, 4, 6])
def test_a_killed_start_leaves_nothing(tmp_path: Path, harness_settings: Settings, number: int) -> None:
    """kill -9 comes after `number` containers; the first is the reaper, not connected yet."""
    started = tmp_path / "started"
    test = HALTED.format(what="Container.start", number=number, started=str(started), seconds=300)
    log = tmp_path / "log"
    with running(project(tmp_path / "project", test), harness_settings, log) as child:
        session_id = _await_started(started, child, log)
        assert _left(connect(), session_id), "the run has started containers"
        child.kill()

    _await_nothing(connect(), session_id)


def test_an_interrupted_start_of_the_reaper_leaves_nothing(tmp_path: Path, harness_settings: Settings) -> None:
    """Ctrl-C comes while the engine creates the container."""
    started = tmp_path / "started"
    test = HALTED.format(what="ContainerCollection.create", number=1, started=str(started), seconds=1)
    log = tmp_path / "log"
    with running(project(tmp_path / "project", test), harness_settings, log) as child:
        session_id = _await_started(started, child, log)
        child.send_signal(signal.SIGINT)

    _await_nothing(connect(), session_id)
    assert "KeyboardInterrupt" in log.read_text()


@pytest.mark.at_length
def test_the_remains_of_a_killed_start_are_replaced(tmp_path: Path, harness_settings: Settings) -> None:
    """An example is a killed xdist worker, replaced before the reaper removes its containers."""
    started = tmp_path / "started"
    folder = project(
        tmp_path / "project", HALTED.format(what="Container.start", number=4, started=str(started), seconds=300)
    )
    log = tmp_path / "log"
    with running(folder, harness_settings, log) as child:
        session_id = _await_started(started, child, log)
        session = ServiceSession(folder, session_id)
        session.join_reaper()  # As xdist's controller does.
        child.kill()
        child.wait(60)

    with stack_in_session(session, harness_settings.model_copy(update={"images": {}}), {}, SILENT) as stack:
        containers = list_labelled(connect(), {LABEL_SESSION: session_id})
        assert sorted(map(role_of, containers)) == ["aws", "labelling-proxy", "minio", "postgres", "relay"]
        assert {container.status for container in containers} == {"running"}
        stack.reset()
    session.end(orderly=True)
    _await_nothing(connect(), session_id)


IN_FLIGHT = """
import threading
from testcontainers.core.network import Network
from harness import engine as module

real = Network.create
def create_late(network):
    def create():
        threading.main_thread().join()  # The slow engine creates the network after the cleanup.
        real(network)
        with open({created!r}, "w") as file:
            file.write(module.connect().networks.list(names=[network.name])[0].attrs["Labels"][module.LABEL_SESSION])
    threading.Thread(target=create).start()
    raise KeyboardInterrupt
Network.create = create_late

def test_it(harness_stack):
    pass
"""


def test_objects_that_the_engine_creates_after_an_interrupt_are_removed(
    tmp_path: Path, harness_settings: Settings
) -> None:
    created = tmp_path / "created"
    folder = project(tmp_path / "project", IN_FLIGHT.format(created=str(created)))
    result = run_pytest(folder, harness_settings.root)
    assert result.returncode == 2, result.stdout

    session_id = created.read_text()
    assert session_id, "the network was created"
    _await_nothing(connect(), session_id)


@pytest.mark.at_length  # kill -9 of one process is tested above
@pytest.mark.parametrize("killed", ["the controller", "all processes"])
def test_killed_workers_leave_nothing(tmp_path: Path, harness_settings: Settings, killed: str) -> None:
    """xdist's controller, or also its workers, get kill -9 while both workers have a stack."""
    started = tmp_path / "started"
    folder = project(tmp_path / "project", WORKERS.format(started=str(started), wait=WAIT))
    log = tmp_path / "log"
    with running(folder, harness_settings, log, "-n", "2") as child:
        session_ids = {_await_started(Path(f"{started}-{number}"), child, log) for number in range(2)}
        (session_id,) = session_ids
        if killed == "all processes":
            os.killpg(child.pid, signal.SIGKILL)
        child.kill()

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
    session_id = file.read_text()
    assert session_id
    return session_id


@retry(stop=stop_after_delay(60), wait=wait_fixed(0.2), reraise=True)
def _await_nothing(client: docker.DockerClient, session_id: str) -> None:
    assert _left(client, session_id) == []


def _left(client: docker.DockerClient, session_id: str) -> list[str]:
    """Return the ids of objects with the label of the session or of its reaper."""
    ids: list[str] = []
    for label in (f"{LABEL_SESSION}={session_id}", f"{LABEL_SESSION}={session_id}-reaper"):
        filters = {"label": label}
        for kind in (
            client.containers.list(all=True, filters=filters, ignore_removed=True),
            client.networks.list(filters=filters),
            client.volumes.list(filters=filters),
        ):
            ids += [str(item.id) for item in kind]
    return ids
