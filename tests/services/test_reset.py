"""After a reset a service equals a fresh one, whatever a DAG did with its credentials."""

from __future__ import annotations

import re
import time
from collections.abc import Iterator

import psycopg
import pytest

from harness.engine import connect
from harness.progress import SILENT
from harness.services.session import ServiceSession, new_run
from harness.services.stack import Stack, stack_in_session
from harness.settings import Settings
from tests.services.changes import (
    BEYOND_BUCKETS,
    KEYS,
    at,
    change_aws,
    change_buckets,
    change_engine,
    change_postgres,
)
from tests.services.inventory import of_aws, of_engine, of_minio, of_postgres

pytestmark = pytest.mark.engine

DATABASES = {"shop": "CREATE TABLE rows (n int); INSERT INTO rows VALUES (1)"}


@pytest.fixture(scope="module")
def own(harness_settings: Settings, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Stack]:
    """A stack that no other test uses: what it is before the first test here is fresh."""
    session = ServiceSession(tmp_path_factory.mktemp("own"), new_run())
    plain = harness_settings.model_copy(update={"buckets": ("data", "other"), "images": {}})
    try:
        with stack_in_session(session, plain, DATABASES, SILENT) as running:
            yield running
    finally:
        session.end(orderly=True)


@pytest.fixture(scope="module")
def fresh_minio(own: Stack) -> dict[str, object]:
    return of_minio(own.minio, KEYS)


def container_of(stack: Stack, role: str) -> str:
    filters = {"label": [f"airflow-harness.stack={stack.stack_id}", f"airflow-harness.role={role}"]}
    (container,) = connect().containers.list(filters=filters)
    return str(container.id)


def test_buckets(own: Stack, fresh_minio: dict[str, object]) -> None:
    server = container_of(own, "minio")
    change_buckets(own.minio, "data", "other")
    assert of_minio(own.minio, KEYS) != fresh_minio

    own.minio.reset()
    own.minio.reset()

    assert of_minio(own.minio, KEYS) == fresh_minio
    assert container_of(own, "minio") == server, "all of this can be undone in place"


@pytest.mark.parametrize("change", BEYOND_BUCKETS)
def test_what_cant_be_undone_in_minio_replaces_it_at_the_same_address(
    own: Stack, fresh_minio: dict[str, object], change: str
) -> None:
    server, endpoint = container_of(own, "minio"), own.minio.endpoint
    BEYOND_BUCKETS[change](own.minio)

    own.minio.reset()

    assert of_minio(own.minio, KEYS) == fresh_minio
    assert container_of(own, "minio") != server
    assert own.minio.endpoint == endpoint
    script = f"import urllib.request as r; r.urlopen('http://{endpoint.internal}/minio/health/live')"
    image = own.images["python"].reference
    connect().containers.run(image, ["python3", "-c", script], network=own.network, remove=True)


def test_postgres(own: Stack) -> None:
    fresh = of_postgres(own.postgres, "shop", "rows")
    sessions = change_postgres(own.postgres, "shop", "rows")
    with pytest.raises(psycopg.OperationalError, match="password authentication failed"):
        own.postgres.connect("shop")

    own.postgres.reset()
    own.postgres.reset()

    assert of_postgres(own.postgres, "shop", "rows") == fresh
    for session in sessions:
        with pytest.raises(psycopg.OperationalError):
            session.execute("SELECT 1")


def test_a_database_that_its_owner_dropped(own: Stack) -> None:
    fresh = of_postgres(own.postgres, "shop", "rows")
    with psycopg.connect(at(own.postgres.url("shop"), "postgres"), autocommit=True) as connection:
        connection.execute("DROP DATABASE shop")

    own.postgres.reset()

    assert of_postgres(own.postgres, "shop", "rows") == fresh


@pytest.mark.parametrize("database", ["template1", "shop~template"])
def test_nobody_changes_what_databases_are_made_from(own: Stack, database: str) -> None:
    with pytest.raises(psycopg.OperationalError, match=r"permission denied|not currently accepting"):
        psycopg.connect(at(own.postgres.url("shop"), database))


def test_aws(own: Stack) -> None:
    own.aws.reset()
    fresh = of_aws(own)
    own.aws.reset()
    change_aws(own)
    assert of_aws(own) != fresh

    own.aws.reset()

    assert of_aws(own) == fresh


def test_engine(own: Stack) -> None:
    own.relay.reset()
    fresh = of_engine(own)
    change_engine(own)
    assert {kind: len(left) for kind, left in of_engine(own).items()} == {
        kind: len(left) + more for (kind, left), more in zip(fresh.items(), (2, 1, 3, 2), strict=True)
    }

    own.relay.reset()

    assert of_engine(own) == fresh


def test_an_ordinary_reset_replaces_nothing_and_is_quick(own: Stack) -> None:
    server = container_of(own, "minio")
    own.reset()
    seconds = []
    for _ in range(5):
        began = time.monotonic()
        own.reset()
        seconds.append(time.monotonic() - began)
    assert container_of(own, "minio") == server
    assert min(seconds) < 1, f"a new MinIO takes longer: {seconds}"


def test_the_server_reports_the_release_of_its_image(harness_stack: Stack) -> None:
    assert harness_stack.minio.version() == harness_stack.images["minio"].version


def test_secrets_are_masked(harness_stack: Stack) -> None:
    url = harness_stack.postgres.url("insideairbnb")
    password = harness_stack.minio.endpoint.secret_key
    shown = harness_stack.mask(f"{url} {password}")
    assert password not in shown
    assert re.search(r"insideairbnb(_\d+)?:\*\*\*@", shown)
