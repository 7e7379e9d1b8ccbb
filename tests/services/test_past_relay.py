"""Containers that a DAG starts past the relay are listed and left alone."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from contextlib import suppress
from pathlib import Path

import docker
import pytest
from docker.errors import NotFound
from docker.models.containers import Container
from tenacity import retry, stop_after_delay, wait_fixed

from harness.airflow.environments import AirflowEnvironment
from harness.airflow.metadata import ensure_template
from harness.airflow.runners import Execute
from harness.engine import LABEL_ROLE, LABEL_SESSION, LABEL_STACK, connect
from harness.services import labelling_proxy
from harness.services.relay import EngineContainers, engine_socket
from harness.services.sidecars import ContainerPastRelay, Sidecar
from harness.services.stack import Stack
from harness.settings import Settings
from harness.world import World

pytestmark = pytest.mark.engine

FAIL = ["python3", "-c", "import sys; print('counted', flush=True); sys.exit(3)"]
SLEEP = ["sleep", "600"]
Start = Callable[..., Container]

LISTS_ALL = """
from datetime import datetime

import docker
from airflow import DAG
from airflow.providers.standard.operators.python import PythonOperator


def list_all():
    engine = docker.DockerClient(base_url="{engine}")
    ids = [container.id for container in engine.containers.list(all=True, sparse=True)]
    print(ids)
    return ids


with DAG("lists_all", start_date=datetime(2024, 1, 1), schedule=None):
    PythonOperator(task_id="list_all", python_callable=list_all)
"""


@pytest.fixture
def start(harness_stack: Stack) -> Iterator[Start]:
    """Function that starts a container past the relay, which is removed after the test."""
    harness_stack.relay.reset()
    client = docker.DockerClient(base_url=f"unix:/{engine_socket()}")
    containers: list[Container] = []

    def start_container(command: list[str], labels: Mapping[str, str] | None = None, **more: object) -> Container:
        image = harness_stack.images["python"].reference
        containers.append(client.containers.run(image, command, detach=True, labels=labels, **more))  # type: ignore[call-overload]
        return containers[-1]

    yield start_container
    for container in containers:
        with suppress(NotFound):
            container.remove(force=True, v=True)
    client.close()
    harness_stack.relay.reset()


def test_ids_in_a_log_and_an_xcom_do_not_prove_ownership(
    harness_airflow: AirflowEnvironment,
    harness_stack: Stack,
    harness_settings: Settings,
    harness_execute: Execute,
    start: Start,
    tmp_path: Path,
) -> None:
    ensure_template(harness_airflow, harness_stack.postgres, harness_settings.cache_dir, tmp_path / "migration")
    folder = tmp_path / "dags"
    folder.mkdir()
    (folder / "lists_all.py").write_text(LISTS_ALL.format(engine=f"unix:/{engine_socket()}"))
    world = World(
        harness_settings.model_copy(update={"dags_folder": folder}),
        harness_stack,
        harness_airflow,
        harness_execute,
        {},
        {},
        tmp_path / "world",
    )
    unlabelled = start(SLEEP)

    run = world.run("lists_all", "2024-01-01")
    harness_stack.reset()

    assert str(unlabelled.id) in run.log, "the DAG printed the id"
    assert str(unlabelled.id) in str(run.xcoms)
    assert past_relay(unlabelled) in world.evidence.containers_past_relay
    assert world.evidence.sidecars == ()
    unlabelled.reload()
    assert unlabelled.status == "running"


@retry(stop=stop_after_delay(20), wait=wait_fixed(0.05), reraise=True)
def await_recorded(stack: Stack, *containers: Container) -> EngineContainers:
    """Return the list once `containers` are recorded, sidecars with an exit code."""
    listed = stack.relay.list_containers()
    exited = {sidecar.id for sidecar in listed.sidecars if sidecar.exit_code is not None}
    assert {other.id for other in listed.past_relay} | exited >= {container.id for container in containers}
    return listed


def past_relay(container: Container) -> ContainerPastRelay:
    return ContainerPastRelay(str(container.id), str(container.name), container.attrs["Config"]["Image"])


def exists(container: Container) -> bool:
    return bool(connect().containers.list(all=True, filters={"id": container.id}))


def test_running_and_exited_containers_are_listed_and_left_alone(harness_stack: Stack, start: Start) -> None:
    running, ended = start(SLEEP), start(FAIL)

    listed = await_recorded(harness_stack, running, ended)

    assert {past_relay(running), past_relay(ended)} <= set(listed.past_relay)
    assert listed.sidecars == ()
    harness_stack.relay.reset()
    assert exists(running)
    assert exists(ended)
    next_list = {container.id for container in harness_stack.relay.list_containers().past_relay}
    assert not {running.id, ended.id} & next_list


def test_listing_changes_nothing(harness_stack: Stack, start: Start) -> None:
    through = docker.DockerClient(base_url=harness_stack.relay.docker_host)
    sidecar = through.containers.run(harness_stack.images["python"].reference, FAIL, detach=True)
    sidecar.wait()
    unlabelled = start(SLEEP)
    await_recorded(harness_stack, sidecar, unlabelled)

    first, second = harness_stack.relay.list_containers(), harness_stack.relay.list_containers()

    assert [[entry.id for entry in listed.sidecars] for listed in (first, second)] == [[sidecar.id]] * 2
    assert past_relay(unlabelled) in first.past_relay
    assert past_relay(unlabelled) in second.past_relay
    assert exists(sidecar)
    through.close()


@pytest.mark.parametrize(
    "copied", [(LABEL_STACK,), (LABEL_STACK, LABEL_ROLE), (LABEL_SESSION, LABEL_STACK, LABEL_ROLE)]
)
def test_a_container_with_copied_labels_is_a_sidecar(
    harness_stack: Stack, start: Start, copied: tuple[str, ...]
) -> None:
    ours = {LABEL_SESSION: harness_stack.session_id, LABEL_STACK: harness_stack.stack_id, LABEL_ROLE: "sidecar"}
    copy = start(FAIL, {label: ours[label] for label in copied}, name="a-copy")

    (sidecar,) = await_recorded(harness_stack, copy).sidecars

    image = harness_stack.images["python"].reference
    assert sidecar == Sidecar(str(copy.id), "a-copy", image, 3, "counted\n")
    harness_stack.relay.reset()
    assert not exists(copy)


def test_containers_with_labels_of_others_are_neither_listed_nor_removed(harness_stack: Stack, start: Start) -> None:
    others = [
        start(SLEEP, {LABEL_SESSION: "another"}),
        start(SLEEP, {LABEL_STACK: "another-stack", LABEL_ROLE: "sidecar"}),
        start(SLEEP, {LABEL_STACK: harness_stack.stack_id, LABEL_ROLE: "minio"}),
    ]
    last = start(SLEEP)

    listed = await_recorded(harness_stack, last)  # Events come in order, so those of the others were handled.

    assert listed.sidecars == ()
    assert not {other.id for other in others} & {entry.id for entry in listed.past_relay}
    harness_stack.relay.reset()
    assert all(map(exists, others))


def test_an_unlabelled_volume_is_mounted_and_stays(harness_stack: Stack) -> None:
    engine = connect()
    unlabelled = engine.volumes.create(f"unlabelled-{harness_stack.stack_id}")
    through = docker.DockerClient(base_url=harness_stack.relay.docker_host)
    try:
        mounts = [docker.types.Mount("/mounted", unlabelled.name, type="volume")]
        bound = {unlabelled.name: {"bind": "/bound", "mode": "rw"}}
        through.containers.create(harness_stack.images["python"].reference, mounts=mounts, volumes=bound)

        harness_stack.relay.reset()

        assert not engine.volumes.get(unlabelled.name).attrs["Labels"]
    finally:
        through.close()
        unlabelled.remove()


def test_the_labelling_proxy_has_the_same_label_names() -> None:
    """The proxy runs without the harness, so it repeats the names."""
    assert (labelling_proxy.STACK, labelling_proxy.ROLE) == (LABEL_STACK, LABEL_ROLE)
