"""Every scenario starts clean, whatever the one before it left."""

from __future__ import annotations

import io
import re

import psycopg
import pytest

from harness.services.stack import Stack
from harness.settings import Settings

pytestmark = pytest.mark.engine


def test_buckets_are_the_declared_ones_and_empty(stack: Stack, settings: Settings) -> None:
    client = stack.minio.client()
    client.make_bucket("left-behind")
    client.put_object("left-behind", "a/b", io.BytesIO(b"x"), 1)
    client.put_object("data", "c", io.BytesIO(b"x"), 1)
    client.remove_bucket("data-backup")

    stack.minio.reset()
    stack.minio.reset()

    assert {bucket.name for bucket in client.list_buckets()} == set(settings.buckets)
    assert not list(client.list_objects("data", recursive=True))


def test_databases_are_as_their_schema_left_them(stack: Stack) -> None:
    with stack.postgres.connect("insideairbnb") as connection:
        connection.execute("DROP TABLE listings")
        connection.execute("CREATE TABLE other (id int)")
        # A connection that a scenario forgot must not block the next one.
        stack.postgres.reset()
    with stack.postgres.connect("insideairbnb") as connection:
        assert connection.execute("SELECT count(*) FROM listings").fetchone() == (0,)
        with pytest.raises(psycopg.errors.UndefinedTable):
            connection.execute("SELECT * FROM other")


def test_the_server_reports_the_release_of_its_image(stack: Stack) -> None:
    assert stack.minio.version() == stack.images["minio"].version


def test_secrets_are_masked(stack: Stack) -> None:
    url = stack.postgres.url("insideairbnb")
    password = stack.minio.endpoint.secret_key
    shown = stack.mask(f"{url} {password}")
    assert password not in shown
    assert re.search(r"insideairbnb(_\d+)?:\*\*\*@", shown)
