"""Containers that a DAG starts past the relay, at the engine's own socket: listed, and left alone."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from contextlib import suppress
from pathlib import Path

import docker
import pytest
from docker.errors import NotFound
from docker.models.containers import Container
from tenacity import retry, stop_after_delay, wait_fixed

from harness.airflow.metadata import ensure_template
from harness.airflow.runners import Execute
from harness.engine import LABEL_ROLE, LABEL_SESSION, LABEL_STACK, connect
from harness.services import labelling_proxy
from harness.services.relay import ContainerPastRelay, Seen, Sidecar, engine_socket
from harness.services.stack import Stack
from harness.settings import Settings
from harness.world import World

pytestmark = pytest.mark.engine

FAILS = ["python3", "-c", "import sys; print('counted', flush=True); sys.exit(3)"]
LASTS = ["sleep", "600"]
Start = Callable[..., Container]

LISTS_ALL = """
from datetime import datetime

import docker
from airflow import DAG
from airflow.providers.standard.operators.python import PythonOperator


def list_all():
    engine = docker.DockerClient(base_url="{engine}")
    found = [container.id for container in engine.containers.list(all=True, sparse=True)]
    print(found)
    return found


with DAG("lists_all", start_date=datetime(2024, 1, 1), schedule=None):
    PythonOperator(task_id="list_all", python_callable=list_all)
"""


@pytest.fixture
def start(harness_stack: Stack) -> Iterator[Start]:
    """Starts a container past the relay; it is removed after the test."""
    harness_stack.relay.reset()
    client = docker.DockerClient(base_url=f"unix:/{engine_socket()}")
    made: list[Container] = []

    def started(command: list[str], labels: Mapping[str, str] | None = None, **more: object) -> Container:
        image = harness_stack.images["python"].reference
        made.append(client.containers.run(image, command, detach=True, labels=labels, **more))  # type: ignore[call-overload]
        return made[-1]

    yield started
    for container in made:
        with suppress(NotFound):
            container.remove(force=True, v=True)
    client.close()
    harness_stack.relay.reset()


def test_ids_in_a_log_and_an_xcom_prove_nothing(
    harness_stack: Stack, harness_settings: Settings, harness_execute: Execute, start: Start, tmp_path: Path
) -> None:
    ensure_template(harness_stack.postgres, harness_settings.cache_dir, tmp_path / "migration")
    folder = tmp_path / "dags"
    folder.mkdir()
    (folder / "lists_all.py").write_text(LISTS_ALL.format(engine=f"unix:/{engine_socket()}"))
    world = World(
        harness_settings.model_copy(update={"dags_folder": folder}),
        harness_stack,
        harness_execute,
        {},
        {},
        tmp_path / "world",
    )
    somebodys = start(LASTS)

    run = world.run("lists_all", "2024-01-01")
    harness_stack.reset()

    assert str(somebodys.id) in run.log, "the DAG told of it"
    assert str(somebodys.id) in str(run.xcoms)
    assert past_relay(somebodys) in world.evidence.containers_past_relay
    assert world.evidence.sidecars == ()
    somebodys.reload()
    assert somebodys.status == "running"


@retry(stop=stop_after_delay(20), wait=wait_fixed(0.05), reraise=True)
def await_seen(stack: Stack, *containers: Container) -> Seen:
    """What is seen when the labeller has heard of all these containers, and the sidecars among them have ended."""
    seen = stack.relay.seen()
    known = {one.id for one in seen.past_relay} | {one.id for one in seen.sidecars if one.exit_code is not None}
    assert known >= {one.id for one in containers}
    return seen


def past_relay(container: Container) -> ContainerPastRelay:
    return ContainerPastRelay(str(container.id), str(container.name), container.attrs["Config"]["Image"])


def is_there(container: Container) -> bool:
    return bool(connect().containers.list(all=True, filters={"id": container.id}))


def test_it_is_listed_and_left_alone_running_or_not(harness_stack: Stack, start: Start) -> None:
    running, ended = start(LASTS), start(FAILS)

    seen = await_seen(harness_stack, running, ended)

    assert {past_relay(running), past_relay(ended)} <= set(seen.past_relay)
    assert seen.sidecars == ()
    harness_stack.relay.reset()
    assert is_there(running)
    assert is_there(ended)
    assert not {running.id, ended.id} & {one.id for one in harness_stack.relay.seen().past_relay}, (
        "the next scenario's list"
    )


def test_listing_changes_nothing(harness_stack: Stack, start: Start) -> None:
    through = docker.DockerClient(base_url=harness_stack.relay.docker_host)
    sidecar = through.containers.run(harness_stack.images["python"].reference, FAILS, detach=True)
    sidecar.wait()
    somebodys = start(LASTS)
    await_seen(harness_stack, sidecar, somebodys)

    first, second = harness_stack.relay.seen(), harness_stack.relay.seen()

    assert [one.id for one in first.sidecars] == [one.id for one in second.sidecars] == [sidecar.id]
    assert past_relay(somebodys) in first.past_relay
    assert past_relay(somebodys) in second.past_relay
    assert is_there(sidecar)
    through.close()


@pytest.mark.parametrize(
    "copied", [(LABEL_STACK,), (LABEL_STACK, LABEL_ROLE), (LABEL_SESSION, LABEL_STACK, LABEL_ROLE)]
)
def test_our_labels_copied_prove_it(harness_stack: Stack, start: Start, copied: tuple[str, ...]) -> None:
    ours = {LABEL_SESSION: harness_stack.session_id, LABEL_STACK: harness_stack.stack_id, LABEL_ROLE: "sidecar"}
    copy = start(FAILS, {label: ours[label] for label in copied}, name="a-copy")

    (sidecar,) = await_seen(harness_stack, copy).sidecars

    image = harness_stack.images["python"].reference
    assert sidecar == Sidecar(str(copy.id), "a-copy", image, 3, "counted\n")
    harness_stack.relay.reset()
    assert not is_there(copy)


def test_what_is_labelled_as_anothers_is_no_concern(harness_stack: Stack, start: Start) -> None:
    others = [
        start(LASTS, {LABEL_SESSION: "another"}),
        start(LASTS, {LABEL_STACK: "another-stack", LABEL_ROLE: "sidecar"}),
        start(LASTS, {LABEL_STACK: harness_stack.stack_id, LABEL_ROLE: "minio"}),
    ]
    last = start(LASTS)

    seen = await_seen(harness_stack, last)  # events come in order, so the others' have come

    assert seen.sidecars == ()
    assert not {one.id for one in others} & {one.id for one in seen.past_relay}
    harness_stack.relay.reset()
    assert all(map(is_there, others))


def test_a_volume_that_is_not_ours_is_mounted_and_stays(harness_stack: Stack) -> None:
    engine = connect()
    somebodys = engine.volumes.create(f"somebodys-{harness_stack.stack_id}")
    through = docker.DockerClient(base_url=harness_stack.relay.docker_host)
    try:
        mounts = [docker.types.Mount("/mounted", somebodys.name, type="volume")]
        bound = {somebodys.name: {"bind": "/bound", "mode": "rw"}}
        through.containers.create(harness_stack.images["python"].reference, mounts=mounts, volumes=bound)

        harness_stack.relay.reset()

        assert not engine.volumes.get(somebodys.name).attrs["Labels"]
    finally:
        through.close()
        somebodys.remove()


def test_the_labeller_knows_our_words() -> None:
    """It runs where the harness is not, so it has them a second time."""
    assert (labelling_proxy.STACK, labelling_proxy.ROLE) == (LABEL_STACK, LABEL_ROLE)
