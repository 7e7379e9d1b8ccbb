"""Ports and credentials that the settings fix, for DAGs that contain them as constants."""

from __future__ import annotations

import random
import secrets
import socket
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

import docker
import psycopg
import pytest
import requests
from docker.models.containers import Container
from minio import Minio

from harness.airflow.environments import AirflowEnvironment
from harness.airflow.metadata import ensure_template
from harness.airflow.runners import Execute
from harness.engine import LABEL_SESSION, connect
from harness.errors import ServiceError, SettingsError
from harness.progress import SILENT
from harness.services.cleanup import remove_labelled
from harness.services.containers import Spec, create, list_labelled, role_of, start
from harness.services.relay import engine_socket
from harness.services.session import ServiceSession, new_run
from harness.services.stack import Stack, stack_in_session
from harness.settings import PORTS, ProjectImage, Settings
from harness.world import World
from tests.outer import project, run_pytest

pytestmark = pytest.mark.engine

DATABASES = {"listings": "CREATE TABLE seen (n int)"}
USER, PASSWORD, POSTGRES_PASSWORD = "user", "password", "air/bnb:1"

DAG = """
from datetime import datetime

import boto3
import docker
from airflow import DAG
from airflow.providers.docker.operators.docker import DockerOperator
from airflow.providers.standard.operators.python import PythonOperator

READS = "import sys, urllib.request; print(urllib.request.urlopen(sys.argv[1]).read().decode())"


def store():
    s3 = boto3.client(
        "s3", endpoint_url="http://localhost:{port}", aws_access_key_id="user", aws_secret_access_key="password"
    )
    s3.put_object(Bucket="data", Key="listing.csv", Body=b"id,price")
    return s3.generate_presigned_url("get_object", dict(Bucket="data", Key="listing.csv"))


def leave():
    engine = docker.DockerClient(base_url="{engine}")
    engine.containers.run("{image}", ["sleep", "600"], name="hard-coded-left", detach=True)


with DAG("hard_coded", start_date=datetime(2024, 1, 1), schedule=None):
    (
        PythonOperator(task_id="store", python_callable=store)
        >> DockerOperator(
            task_id="crunch",
            image="{image}",
            container_name="hard-coded-crunch",
            command=["python3", "-c", READS, "{{{{ ti.xcom_pull('store') }}}}"],
            docker_url="{engine}",
            network_mode="host",
            auto_remove="success",
            mount_tmp_dir=False,
        )
        >> PythonOperator(task_id="leave", python_callable=leave)
    )
"""


@pytest.fixture(scope="module")
def fixed(harness_settings: Settings) -> Settings:
    """Settings with fixed credentials and currently free ports."""
    # Below the ports that the kernel and the engine give to others.
    candidates = iter(random.sample(range(20_000, 32_000), 500))
    sockets: list[socket.socket] = []
    while len(sockets) < len(PORTS):
        with suppress(OSError):
            sockets.append(socket.create_server(("127.0.0.1", next(candidates))))
    ports = {name: listener.getsockname()[1] for name, listener in zip(PORTS, sockets, strict=True)}
    for listener in sockets:
        listener.close()
    credentials = {
        "minio_user": USER,
        "minio_password": PASSWORD,
        "postgres_passwords": {"listings": POSTGRES_PASSWORD},
    }
    # An image that can't be built disturbs no run that does not use it.
    images = {"broken": ProjectImage(tag="test/broken", context=Path("no-such-folder"))}
    return harness_settings.model_copy(update={**ports, **credentials, "buckets": ("data",), "images": images})


@contextmanager
def open_stack(session: ServiceSession, settings: Settings) -> Iterator[Stack]:
    with stack_in_session(session, settings, DATABASES, SILENT) as running:
        yield running


@pytest.fixture(scope="module")
def fixed_stack(fixed: Settings, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Stack]:
    session = ServiceSession(tmp_path_factory.mktemp("fixed"), new_run())
    try:
        with open_stack(session, fixed) as running:
            yield running
    finally:
        session.end(orderly=True)


def test_services_answer_at_the_fixed_ports_with_the_fixed_credentials(fixed: Settings, fixed_stack: Stack) -> None:
    """The clients use `localhost`, which some machines resolve to ::1 first."""
    s3 = Minio(f"localhost:{fixed.minio_port}", USER, PASSWORD, secure=False)
    assert [bucket.name for bucket in s3.list_buckets()] == ["data"]
    assert requests.get(f"http://localhost:{fixed.minio_console_port}", timeout=10).ok
    where = {"host": "localhost", "port": fixed.postgres_port, "user": "listings", "password": POSTGRES_PASSWORD}
    with psycopg.connect(dbname="listings", **where) as connection:
        assert connection.execute("SELECT count(*) FROM seen").fetchone() == (0,)
    with fixed_stack.postgres.connect("listings") as connection:
        assert connection.info.password == POSTGRES_PASSWORD
    assert requests.get(f"http://localhost:{fixed.aws_port}/mock/", timeout=10).json()["mock"] is True
    assert docker.DockerClient(base_url=f"tcp://localhost:{fixed.relay_port}").ping()


def test_fixed_ports_are_on_loopback_only(fixed: Settings, fixed_stack: Stack) -> None:
    engine = connect()
    listed = list_labelled(engine, {LABEL_SESSION: fixed_stack.session_id})
    ports = [port for container in listed for port in engine.containers.get(container.id).ports.values()]
    bindings = [binding for port in ports for binding in port or ()]
    assert sorted(int(binding["HostPort"]) for binding in bindings) == sorted(fixed.fixed_ports.values())
    assert {binding["HostIp"] for binding in bindings} == {"127.0.0.1"}


def test_generated_passwords_are_masked_and_fixed_ones_are_not(fixed_stack: Stack) -> None:
    text = f"the password of user is {PASSWORD}, or {POSTGRES_PASSWORD}"
    assert fixed_stack.mask(text) == text
    assert fixed_stack.mask(fixed_stack.postgres.url("postgres")).startswith("postgresql://postgres:***@")


@pytest.mark.parametrize("owner", ["a container", "a program"])
def test_the_error_of_a_used_port_names_it(fixed_stack: Stack, fixed: Settings, owner: str) -> None:
    labels = {LABEL_SESSION: secrets.token_hex(6)}
    with socket.create_server(("127.0.0.1", 0)) as listening:
        port = fixed.minio_port if owner == "a container" else listening.getsockname()[1]
        spec = Spec("second", fixed_stack.images["python"].reference, ports=(9000,), fixed={9000: port})
        try:
            with pytest.raises(ServiceError) as error:
                start(create(connect(), spec, labels))
        finally:
            remove_labelled(connect(), labels)
    assert str(error.value).startswith(f"second can't use the configured port 127.0.0.1:{port}, in use by")
    assert "harness down" in str(error.value)
    assert "\n" not in str(error.value)


@pytest.mark.at_length
def test_a_kept_stack_with_other_credentials_or_ports_is_not_reused(harness_settings: Settings, tmp_path: Path) -> None:
    def ids(more: dict[str, object]) -> dict[str, str | None]:
        with open_stack(session, harness_settings.model_copy(update={"images": {}, **more})) as running:
            return {
                role_of(container): container.id
                for container in list_labelled(connect(), {LABEL_SESSION: running.session_id})
            }

    session = ServiceSession(tmp_path, None)
    try:
        password: dict[str, object] = {"minio_password": "password"}
        first, again, other = ids(password), ids(password), ids({"minio_password": "passw0rd"})
        with socket.create_server(("127.0.0.1", 0)) as free:
            port = free.getsockname()[1]
        on_a_port = ids({"minio_password": "passw0rd", "postgres_port": port})
    finally:
        session.remove()

    assert again == first
    assert other["minio"] != first["minio"]
    assert other["postgres"] == first["postgres"] != on_a_port["postgres"]


def test_a_password_of_an_undeclared_database_is_an_error(harness_settings: Settings, tmp_path: Path) -> None:
    wrong = harness_settings.model_copy(update={"postgres_passwords": {"listing": "x"}})
    message = r"^postgres_passwords names listing, but .* databases listings:"
    with pytest.raises(SettingsError, match=message), open_stack(ServiceSession(tmp_path, new_run()), wrong):
        pass


def test_fixed_ports_are_refused_with_workers(harness_settings: Settings, tmp_path: Path) -> None:
    folder = project(tmp_path, "def test_it(harness_stack):\n    pass\n", "minio_port = 9000")
    done = run_pytest(folder, harness_settings.root, "-n", "2")
    assert done.returncode == pytest.ExitCode.USAGE_ERROR
    assert [line for line in done.stderr.splitlines() if line] == [
        "ERROR: fixed ports (minio_port) allow only one stack, but each worker of -n has its own: run with -n 0, "
        "or remove these settings"
    ]


def test_a_dag_with_constant_addresses_and_credentials_runs_unchanged(
    harness_airflow: AirflowEnvironment, fixed: Settings, fixed_stack: Stack, harness_execute: Execute, tmp_path: Path
) -> None:
    ensure_template(harness_airflow, fixed_stack.postgres, fixed.cache_dir, tmp_path / "migration")
    folder = tmp_path / "dags"
    folder.mkdir()
    image = fixed_stack.images["python"].reference
    (folder / "hard_coded.py").write_text(
        DAG.format(port=fixed.minio_port, engine=f"unix:/{engine_socket()}", image=image)
    )
    fixed_stack.reset()
    home = tmp_path / "world"
    world = World(
        fixed.model_copy(update={"dags_folder": folder}), fixed_stack, harness_airflow, harness_execute, {}, {}, home
    )

    world.run("hard_coded", "2024-01-01")

    assert world.keys("data") == ["listing.csv"]
    assert world.evidence.sidecars == ()
    ours = {"hard-coded-crunch", "hard-coded-left"}
    crunched, left = (container for container in world.evidence.containers_past_relay if container.name in ours)
    assert (crunched.name, left.name) == ("hard-coded-crunch", "hard-coded-left")
    fixed_stack.relay.reset()
    (container,) = list_by_id(left.id)
    container.remove(force=True)


def list_by_id(ident: str) -> list[Container]:
    return connect().containers.list(all=True, filters={"id": ident})
