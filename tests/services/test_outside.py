"""Containers that are started past the relay: shown and removed where they are proved this stack's, else let alone."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path

import docker
import pytest
from docker.models.containers import Container
from tenacity import retry, stop_after_delay, wait_fixed

from harness.engine import LABEL_FLEET, LABEL_ROLE, LABEL_STACK, connect
from harness.services import labeller, outside
from harness.services.containers import labelled, remove
from harness.services.outside import Unproved, mark_what_is_made
from harness.services.relay import engine_socket
from harness.services.sidecars import Sidecar
from harness.services.stack import Stack

pytestmark = pytest.mark.engine

FAILS = ["python3", "-c", "import sys; print('counted', flush=True); sys.exit(3)"]
LASTS = ["sleep", "600"]
Start = Callable[..., Container]


@pytest.fixture
def start(stack: Stack, monkeypatch: pytest.MonkeyPatch) -> Iterator[Start]:
    """Starts a container past the relay, by a client that finds its configuration in `home`."""
    stack.relay.reset()
    made: list[Container] = []

    def started(command: list[str], home: Path, labels: Mapping[str, str] | None = None, **more: object) -> Container:
        monkeypatch.setenv("HOME", str(home))
        monkeypatch.delenv("DOCKER_CONFIG", raising=False)
        client = docker.DockerClient(base_url=f"unix:/{engine_socket()}")
        image = stack.images["python"].reference
        made.append(client.containers.run(image, command, detach=True, labels=labels, **more))  # type: ignore[call-overload]
        return made[-1]

    yield started
    for container in made:
        remove(container)
    stack.relay.reset()


@pytest.fixture
def home(stack: Stack, tmp_path: Path) -> Path:
    """The HOME of a run."""
    mark_what_is_made(tmp_path, stack.stack_id, stack.relay.docker_host)
    return tmp_path


@contextmanager
def labeller_paused(stack: Stack) -> Iterator[None]:
    (busy,) = labelled(connect(), {LABEL_STACK: stack.stack_id, LABEL_ROLE: "labeller"})
    busy.pause()
    try:
        yield
    finally:
        busy.unpause()


@retry(stop=stop_after_delay(20), wait=wait_fixed(0.05), reraise=True)
def await_seen(stack: Stack, *proved: Container, unproved: Container | None = None) -> list[Sidecar]:
    """The sidecars, when all of `proved` are among them and have ended, and `unproved` is seen too."""
    sidecars = stack.relay.seen().sidecars
    assert {one.id for one in sidecars if one.exit_code is not None} >= {one.id for one in proved}
    assert unproved is None or unproved.id in {one.id for one in stack.relay.seen().unproved}
    return sidecars


@retry(stop=stop_after_delay(20), wait=wait_fixed(0.05), reraise=True)
def await_logged(container: Container, output: bytes) -> None:
    assert container.logs() == output


@retry(stop=stop_after_delay(20), wait=wait_fixed(0.05), reraise=True)
def await_listed(stack: Stack, container: Container) -> None:
    assert container.id in {one.id for one in stack.relay.seen().sidecars}


def is_there(container: Container) -> bool:
    return bool(connect().containers.list(all=True, filters={"id": container.id}))


def test_what_a_run_starts_is_shown_although_the_engine_removes_it_at_once(
    stack: Stack, start: Start, home: Path
) -> None:
    ended = start(FAILS, home, auto_remove=True, name="past-the-relay")

    (sidecar,) = await_seen(stack, ended)

    image = stack.images["python"].reference
    assert sidecar == Sidecar(str(ended.id), "past-the-relay", image, 3, "counted\n", past_relay=True)
    assert ended.id not in {one.id for one in stack.relay.seen().unproved}


def test_one_that_ended_before_the_labeller_looked_is_shown_with_its_output(
    stack: Stack, start: Start, home: Path
) -> None:
    with labeller_paused(stack):
        ended = start(FAILS, home)
        ended.wait()

    (sidecar,) = await_seen(stack, ended)

    assert (sidecar.exit_code, sidecar.output) == (3, "counted\n")


def test_one_that_was_under_way_when_the_labeller_looked_is_shown_with_all_that_it_prints(
    stack: Stack, start: Start, home: Path
) -> None:
    with labeller_paused(stack):
        running = start(["sh", "-c", "echo before; until test -e /tmp/go; do sleep 0.05; done; echo after"], home)
        await_logged(running, b"before\n")
    await_listed(stack, running)
    assert running.exec_run(["touch", "/tmp/go"]).exit_code == 0

    (sidecar,) = await_seen(stack, running)

    assert (sidecar.exit_code, sidecar.output) == (0, "before\nafter\n")


def test_what_still_runs_is_removed_and_a_strangers_container_is_not(
    stack: Stack, start: Start, home: Path, tmp_path_factory: pytest.TempPathFactory
) -> None:
    running, ended = start(LASTS, home), start(FAILS, home, tty=True)
    stranger = start(LASTS, tmp_path_factory.mktemp("nobody"))

    sidecars = await_seen(stack, ended, unproved=stranger)
    assert [(one.id, one.exit_code, one.output.strip()) for one in sidecars] == [
        (running.id, None, ""),
        (ended.id, 3, "counted"),
    ]
    listed = Unproved(str(stranger.id), str(stranger.name), stack.images["python"].reference)
    assert listed in stack.relay.seen().unproved

    stack.relay.remove_sidecars()

    assert [is_there(one) for one in (running, ended, stranger)] == [False, False, True]
    stranger.reload()
    assert stranger.status == "running"


def test_an_id_that_the_task_told_proves_it_and_a_short_one_does_not(
    stack: Stack, start: Start, tmp_path: Path
) -> None:
    ended, listed = start(FAILS, tmp_path), start(LASTS, tmp_path)
    ended.wait()
    await_seen(stack, unproved=ended)
    await_seen(stack, unproved=listed)

    stack.relay.seen(f"CONTAINER ID\n{listed.short_id}  Up 1 second\nmade {ended.id}.")

    (sidecar,) = stack.relay.seen().sidecars
    assert (sidecar.id, sidecar.exit_code, sidecar.output) == (ended.id, 3, "counted\n")
    stack.relay.remove_sidecars()
    assert [is_there(one) for one in (ended, listed)] == [False, True]


def test_one_that_is_gone_before_it_is_proved_says_so(stack: Stack, start: Start, tmp_path: Path) -> None:
    ended = start(FAILS, tmp_path)
    ended.wait()
    ended.remove()
    await_seen(stack, unproved=ended)

    stack.relay.seen(str(ended.id))

    (sidecar,) = stack.relay.seen().sidecars
    assert (sidecar.exit_code, sidecar.output) == (3, labeller.GONE)


def test_our_label_proves_it_and_what_is_anothers_is_no_concern(
    stack: Stack, start: Start, tmp_path: Path, tmp_path_factory: pytest.TempPathFactory
) -> None:
    neighbour = tmp_path_factory.mktemp("neighbour")
    mark_what_is_made(neighbour, "another-stack", "tcp://127.0.0.1:1")
    others = [
        start(LASTS, neighbour),
        start(LASTS, tmp_path, {LABEL_FLEET: "another"}),
        start(LASTS, tmp_path, {LABEL_STACK: "another-stack"}),
        start(LASTS, tmp_path, {LABEL_STACK: stack.stack_id, LABEL_ROLE: "minio"}),
    ]
    ours = start(FAILS, tmp_path, {LABEL_STACK: stack.stack_id})

    # Events come in order, so whatever could be seen of the others is seen by now.
    (sidecar,) = await_seen(stack, ours)

    assert sidecar.id == ours.id
    assert not {one.id for one in others} & {one.id for one in stack.relay.seen().unproved}
    stack.relay.remove_sidecars()
    assert not is_there(ours)
    assert all(map(is_there, others))


def test_sidecars_of_the_relay_get_no_mark(stack: Stack, home: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    stack.relay.reset()
    monkeypatch.setenv("HOME", str(home))
    through = docker.DockerClient(base_url=stack.relay.docker_host)
    made = through.containers.create(stack.images["python"].reference)
    assert "FTP_PROXY" not in str(made.attrs["Config"]["Env"])
    assert [(one.id, one.past_relay) for one in stack.relay.seen().sidecars] == [(made.id, False)]
    stack.relay.remove_sidecars()


def test_the_labeller_knows_our_words() -> None:
    """It runs where the harness is not, so it has them a second time."""
    assert (labeller.STACK, labeller.ROLE, labeller.MARKS) == (LABEL_STACK, LABEL_ROLE, outside.MARKS)
    assert outside.mark_of("a").endswith(labeller.MARKS)
    assert outside.mark_of("a") != outside.mark_of("b")
