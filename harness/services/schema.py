"""The SQL that creates a database, and the data in it: `COPY ... FROM stdin;`, rows, `\\.`.

psql reads and pg_dump writes rows in this form, so a database with data is still one text.
"""

from __future__ import annotations

import csv
import io
import re
from pathlib import Path

import psycopg
from psycopg import sql

from harness.errors import SettingsError, in_one_line

COPY = re.compile(r"^(?P<statement>COPY\s[^\n]*\sFROM\s+stdin\b[^\n]*);\n(?P<rows>.*?)^\\\.$\n?", re.I | re.M | re.S)
END = "\\."
"""The line that ends the rows of a COPY."""
DEFAULT_SCHEMA = "public"


def identify_table(name: str) -> sql.Identifier:
    """Return the table `TABLE` of the schema public, or `SCHEMA.TABLE`."""
    schema, _, table = name.rpartition(".")
    return sql.Identifier(schema or DEFAULT_SCHEMA, table)


def format_csv_as_sql(file: Path, text: str) -> str:
    """Return the COPY of a CSV file: its name names the table, its header the columns.

    Raises SettingsError if there is no header, or if a line would end the data early.
    """
    columns = next(csv.reader(io.StringIO(text)), [])
    if not columns:
        raise SettingsError(f"{file} is empty: its first line must name the columns")
    lines = text.splitlines()
    if END in lines:
        raise SettingsError(f'{file}: line {lines.index(END) + 1} is `{END}`, which ends the data: write `"{END}"`')
    names = sql.SQL(", ").join(map(sql.Identifier, columns))
    copy = sql.SQL("COPY {} ({}) FROM stdin (FORMAT csv, HEADER);\n").format(identify_table(file.stem), names)
    return copy.as_string() + text + ("" if text.endswith("\n") else "\n") + END + "\n"


def load_schema(connection: psycopg.Connection, database: str, schema: str) -> None:
    """Execute the schema of the declared `database`.

    Raises SettingsError if Postgres refuses the schema.
    """
    at = 0
    try:
        for block in COPY.finditer(schema):
            connection.execute(schema[at : block.start()].encode())
            with connection.cursor().copy(block["statement"].encode()) as copy:
                copy.write(block["rows"])
            at = block.end()
        connection.execute(schema[at:].encode())
    except psycopg.Error as error:
        raise SettingsError(
            f"database {database!r}: Postgres refuses its seeds: {in_one_line(str(error))}: correct the SQL or CSV "
            "file; a CSV file's table must exist, so list the SQL file that creates it first"
        ) from error
