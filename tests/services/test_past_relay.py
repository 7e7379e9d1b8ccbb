"""Containers that a DAG starts past the relay, at the engine's own socket: listed, and left alone."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from contextlib import suppress
from pathlib import Path

import docker
import pytest
from docker.errors import NotFound
from docker.models.containers import Container

from harness.airflow.metadata import ensure_template
from harness.airflow.process import Execute
from harness.services.relay import engine_socket
from harness.services.stack import Stack
from harness.settings import Settings
from harness.world import World

pytestmark = pytest.mark.engine

LASTS = ["sleep", "600"]
Start = Callable[..., Container]

LISTS_ALL = """
from datetime import datetime

import docker
from airflow import DAG
from airflow.providers.standard.operators.python import PythonOperator


def list_all():
    engine = docker.DockerClient(base_url="{engine}")
    print([container.id for container in engine.containers.list(all=True)])
    return [container.id for container in engine.containers.list(all=True)]


with DAG("lists_all", start_date=datetime(2024, 1, 1), schedule=None):
    PythonOperator(task_id="list_all", python_callable=list_all)
"""


@pytest.fixture
def start(stack: Stack) -> Iterator[Start]:
    """Starts a container past the relay; it is removed after the test."""
    stack.relay.reset()
    client = docker.DockerClient(base_url=f"unix:/{engine_socket()}")
    made: list[Container] = []

    def started(command: list[str], labels: Mapping[str, str] | None = None, **more: object) -> Container:
        image = stack.images["python"].reference
        made.append(client.containers.run(image, command, detach=True, labels=labels, **more))  # type: ignore[call-overload]
        return made[-1]

    yield started
    for container in made:
        with suppress(NotFound):
            container.remove(force=True, v=True)
    client.close()
    stack.relay.reset()


def test_ids_in_a_log_and_an_xcom_prove_nothing(
    stack: Stack, settings: Settings, execute: Execute, start: Start, tmp_path: Path
) -> None:
    ensure_template(stack.postgres, settings.cache_dir, tmp_path / "migration")
    folder = tmp_path / "dags"
    folder.mkdir()
    (folder / "lists_all.py").write_text(LISTS_ALL.format(engine=f"unix:/{engine_socket()}"))
    world = World(settings.model_copy(update={"dags_folder": folder}), stack, execute, {}, {}, tmp_path / "world")
    somebodys = start(LASTS)

    run = world.run("lists_all", "2024-01-01")
    stack.reset()

    assert str(somebodys.id) in run.log, "the DAG told of it"
    assert str(somebodys.id) in str(run.xcoms)
    somebodys.reload()
    assert somebodys.status == "running"
