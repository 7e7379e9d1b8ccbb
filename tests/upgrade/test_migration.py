"""A metadata database before and after a migration."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import psycopg
import pytest

from harness.airflow.environments import AirflowEnvironment
from harness.airflow.metadata import fresh_database
from harness.airflow.runners import ProcessResult
from harness.evidence.document import Versions
from harness.services.stack import Stack
from harness.upgrade.migration import (
    NOT_COVERED,
    Migration,
    as_differences,
    as_section,
    choose_command,
    migrate_database,
)


@pytest.fixture
def url(harness_airflow: AirflowEnvironment, harness_stack: Stack) -> Iterator[str]:
    with fresh_database(harness_airflow, harness_stack.postgres) as url:
        yield url


def execute(url: str, statement: str, exit_code: int = 0, log: str = "") -> ProcessResult:
    with psycopg.connect(url) as connection:
        connection.execute(statement)  # type: ignore[call-overload]
    return ProcessResult(exit_code, log, 0.1)


def test_a_migration_that_keeps_all_content_makes_no_difference(url: str) -> None:
    migration = migrate_database(url, lambda: execute(url, "ALTER TABLE xcom ADD COLUMN more text"))

    assert migration.lost == ()
    assert as_differences(migration) == ()
    counts = {"DAG runs": 1, "task instances": 2, "XComs": 2, "connections": 1, "variables": 1, "pools": 1}
    assert migration.counts == {what: (count, count) for what, count in counts.items()}
    assert "MinIO, Postgres) is not covered" in as_section(migration).note


def test_a_row_that_vanishes_or_changes_is_a_change(url: str) -> None:
    statement = "DELETE FROM variable; UPDATE connection SET port = 1"

    migration = migrate_database(url, lambda: execute(url, statement), lambda text: text.replace("pass", "***"))

    assert migration.lost == (
        "connections: upgrade_check changed from ('http', 'example.invalid', 'reader', '***', 8080, "
        "'{\"timeout\": 3}') to ('http', 'example.invalid', 'reader', '***', 1, '{\"timeout\": 3}')",
        "variables: upgrade_check is gone",
    )
    (difference,) = as_differences(migration)
    assert (difference.verdict, difference.field, difference.fails) == ("changed", "metadata.content", True)


def test_a_migration_that_fails_is_a_regression(url: str) -> None:
    migration = migrate_database(url, lambda: execute(url, "SELECT 1", 1, "INFO\nKeyError: no such revision\n\n"))

    (difference,) = as_differences(replace(migration, command="airflow db migrate"))
    assert (difference.verdict, difference.message) == (
        "regression",
        "`airflow db migrate` failed: KeyError: no such revision",
    )


def test_only_the_newer_airflow_moves_a_database() -> None:
    old = Versions(harness="1", airflow="2.11.2", packages={"apache-airflow": "2.11.2", "pandas": "2.3"})
    new = old.model_copy(update={"airflow": "3.3.2", "packages": {"apache-airflow": "3.3.2"}})

    assert choose_command(old, new) == ("candidate", ("db", "migrate"))
    assert choose_command(new, old) == ("baseline", ("db", "downgrade", "--to-version", "2.11.2", "--yes"))
    assert choose_command(old, old.model_copy(update={"packages": {"apache-airflow": "2.11.2"}})) is None


def test_a_migration_that_was_not_done_says_why() -> None:
    assert as_section(Migration(not_done="a side failed")).note == f"not done: a side failed. {NOT_COVERED}"
    assert as_differences(Migration(not_done="a side failed")) == ()


def test_the_first_database_of_a_session_is_kept(
    harness_airflow: AirflowEnvironment, harness_stack: Stack, tmp_path: Path
) -> None:
    keep, server = tmp_path / "metadata.dump", harness_stack.postgres
    for name in ("first", "second"):
        with fresh_database(harness_airflow, server, keep=keep) as url:
            execute(url, f"CREATE TABLE {name} ()")
    restored = server.scratch_name()
    server.restore(restored, keep.read_bytes())
    try:
        with psycopg.connect(server.direct_url(restored)) as connection:
            tables = connection.execute("SELECT tablename FROM pg_tables WHERE tablename IN ('first', 'second')")
            assert tables.fetchall() == [("first",)]
    finally:
        server.drop(restored)
    assert [file.name for file in tmp_path.iterdir()] == ["metadata.dump"]
