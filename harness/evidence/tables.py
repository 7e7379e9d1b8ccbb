"""The rows of database tables: of watched tables after a run, and of any table now."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from harness.errors import MissingTableError, in_one_line
from harness.evidence.nearest import format_nearest_first

if TYPE_CHECKING:  # this module is also imported where no service is used, and psycopg is slow to import
    import psycopg
    from psycopg import sql

    from harness.services.postgres import PostgresService

ROWS = 1000
CHARACTERS = 1_000_000
"""Limits of the evidence of one table: its rows, and the characters of their JSON."""
READING = (
    "-c default_transaction_read_only=on -c timezone=UTC -c intervalstyle=iso_8601 "
    "-c lock_timeout=5s -c statement_timeout=60s"
)
"""Server settings of a session that gathers evidence: equal rows have equal texts, and no lock is awaited for long."""
# numeric becomes a text, because a JSON number would lose digits. Types without an order, such as json, are sorted by
# their text. The collation "C" is the same in containers and in an embedded stack.
COLUMNS = """
SELECT attname, coalesce(nullif(typbasetype, 0), atttypid) = 'numeric'::regtype,
       typcategory IN ('B', 'D', 'E', 'N', 'T')
FROM pg_attribute JOIN pg_type ON pg_type.oid = atttypid
WHERE attrelid = to_regclass(%s) AND attnum > 0 AND NOT attisdropped ORDER BY attnum
"""
NAMES = """
SELECT CASE nspname WHEN 'public' THEN relname ELSE nspname || '.' || relname END
FROM pg_class JOIN pg_namespace ON pg_namespace.oid = relnamespace
WHERE relkind IN ('r', 'p', 'v', 'm', 'f') AND nspname NOT IN ('pg_catalog', 'information_schema', 'pg_toast')
"""
EVIDENCE = """
SELECT doc FROM (
    SELECT doc, sum(length(doc)) OVER (ROWS UNBOUNDED PRECEDING) AS size FROM (
        SELECT row_to_json(chosen.*)::text AS doc FROM (SELECT {} FROM {} AS source ORDER BY {} LIMIT {}) AS chosen
    ) AS docs
) AS sized WHERE size <= {}
"""
# The digests are sorted, because rows that Postgres orders as equal, such as 1.0 and 1, have no fixed order.
REST = """
SELECT md5(string_agg(digest, '' ORDER BY digest COLLATE "C")) FROM (
    SELECT md5(row_to_json(chosen.*)::text) AS digest FROM (SELECT {} FROM {} AS source ORDER BY {} OFFSET {}) AS chosen
) AS digests
"""


@dataclass(frozen=True)
class TableRows:
    """The rows of a watched table or view after a run, sorted by column from left to right.

    `rows` maps each column's name to a JSON value: a number, boolean, text or null; a list or object for an array or
    json. numeric, times, bytes and all other types are texts as Postgres writes them, times with a zone in UTC.
    `total` counts all rows of the table. `truncated`: the table exceeds 1000 rows or a million characters, so `rows`
    has only the first ones. `rest_digest`: the digest of the other rows; None if there are none, or if reading them
    takes more than a minute. `unreadable`: why there are no rows, such as a missing table; None if the table was read.
    """

    rows: tuple[Mapping[str, Any], ...] = ()
    total: int = 0
    truncated: bool = False
    rest_digest: str | None = None
    unreadable: str | None = None


def gather_tables(postgres: PostgresService, watched: Sequence[str]) -> dict[str, TableRows]:
    """Return the rows of each watched table: `DATABASE.TABLE`, or `DATABASE.SCHEMA.TABLE`."""
    import psycopg

    tables = {}
    for name in watched:
        database, _, table = name.partition(".")
        try:
            with postgres.connect(database, READING) as connection:
                tables[name] = _read_evidence(connection, database, table)
        except (psycopg.Error, MissingTableError) as error:
            tables[name] = TableRows(unreadable=in_one_line(str(error)))
    return tables


def read_rows(postgres: PostgresService, database: str, table: str) -> list[dict[str, Any]]:
    """Return the current rows of `TABLE` or `SCHEMA.TABLE` with Python values, sorted.

    Raises MissingTableError.
    """
    from psycopg import sql
    from psycopg.rows import dict_row

    if database not in postgres.names:
        declared = ", ".join(map(repr, postgres.names)) or "(none)"
        raise MissingTableError(f"database {database!r} is not declared. The databases are {declared}")
    with postgres.connect(database) as connection:
        target, columns = _find_columns(connection, database, table)
        query = sql.SQL("SELECT * FROM {} AS source ORDER BY {}").format(target, _order(columns))
        return connection.cursor(row_factory=dict_row).execute(query).fetchall()


def _read_evidence(connection: psycopg.Connection, database: str, table: str) -> TableRows:
    import psycopg
    from psycopg import sql

    target, columns = _find_columns(connection, database, table)
    chosen = sql.SQL(", ").join(
        sql.SQL("source.{0}::text AS {0}" if numeric else "source.{}").format(sql.Identifier(name))
        for name, numeric, _ in columns
    )
    order = _order(columns)
    query = sql.SQL(EVIDENCE).format(chosen, target, order, ROWS, CHARACTERS)
    rows = tuple(json.loads(doc) for (doc,) in connection.execute(query))
    counted = connection.execute(sql.SQL("SELECT count(*) FROM {}").format(target)).fetchone()
    total = counted[0] if counted else 0
    if len(rows) == total:
        return TableRows(rows, total)
    try:
        digest = connection.execute(sql.SQL(REST).format(chosen, target, order, len(rows))).fetchone()
    except psycopg.errors.QueryCanceled:  # statement_timeout
        digest = None
    return TableRows(rows, total, truncated=True, rest_digest=digest[0] if digest else None)


def _find_columns(
    connection: psycopg.Connection, database: str, table: str
) -> tuple[sql.Identifier, list[tuple[str, bool, bool]]]:
    """Return the table, and name, is-numeric and is-ordered of its columns.

    Raises MissingTableError.
    """
    from harness.services.schema import identify_table

    target = identify_table(table)
    columns = connection.execute(COLUMNS, [target.as_string()]).fetchall()
    if not columns:
        names = format_nearest_first(table, (name for (name,) in connection.execute(NAMES)))
        raise MissingTableError(f"database {database!r} has no table {table!r}. Its tables are {names or '(none)'}")
    return target, columns


def _order(columns: Sequence[tuple[str, bool, bool]]) -> sql.Composed:
    from psycopg import sql

    terms = (
        sql.SQL("source.{}" if ordered else 'source.{}::text COLLATE "C"').format(sql.Identifier(name))
        for name, _, ordered in columns
    )
    return sql.SQL(", ").join(terms)
