import csv
import io
import json
import os
import subprocess
import sys
from collections.abc import Callable
from contextlib import closing
from pathlib import Path
from types import ModuleType
from typing import Any
from unittest.mock import Mock

import psycopg2
import pytest
from psycopg2.extensions import parse_dsn

# Texts that CSV, COPY, Python or Postgres may treat specially, and a few plain ones.
AWKWARD = [
    "plain",
    "",
    " blanks ",
    'say "hi"',
    '"',
    "a,b;c\td",
    "two\nlines",
    "two\r\nlines",
    "\r",
    "\\.",
    "\\N",
    "\\n",
    "NULL",
    "100%s",
    "{{ ds }}",
    "Zoë's 🏠 東京",
    "'quoted'",
]


@pytest.mark.parametrize(
    ("query", "stripped"),
    [
        ("SELECT 1", "SELECT 1"),
        ("\n  SELECT 1 ;\n ; ", "\n  SELECT 1"),
        ("SELECT 1 -- all of it", "SELECT 1"),
        ("SELECT 1; -- all of it;\n/* and more */\n", "SELECT 1"),
        ("SELECT ';--'", "SELECT ';--'"),
        ("SELECT ';' -- ';'\n;", "SELECT ';'"),
        ("SELECT $$;$$;", "SELECT $$;$$"),
        ('SELECT 1 AS "a;";', 'SELECT 1 AS "a;"'),
        ("SELECT 1 -- one\n + 1;", "SELECT 1 -- one\n + 1"),
    ],
)
def test_the_end_of_a_query_is_removed(postgres_to_s3: ModuleType, query: str, stripped: str) -> None:
    assert postgres_to_s3.without_end(query) == stripped


def test_copy_statement(postgres_to_s3: ModuleType) -> None:
    assert postgres_to_s3.csv_copy("SELECT * FROM t", 2) == (
        "COPY (SELECT coalesce(c0::text, ''), coalesce(c1::text, '') FROM (\nSELECT * FROM t\n) AS result (c0, c1))"
        " TO STDOUT (FORMAT csv, FORCE_QUOTE *, ENCODING 'UTF8')"
    )


def test_header_is_quoted(postgres_to_s3: ModuleType) -> None:
    assert postgres_to_s3.csv_header(["id", 'a "b"', "c,d", "é"]) == '"id","a ""b""","c,d","é"\n'.encode()


def test_query_and_key_are_templates(postgres_to_s3: ModuleType) -> None:
    operator = postgres_to_s3.PostgresToS3Operator(
        task_id="export", postgres_conn_id="pg", query="q{{ ds }}", s3_conn_id="s3", s3_bucket="b", s3_key="k{{ ds }}"
    )
    operator.render_template_fields({"ds": "-2021"})
    assert (operator.query, operator.s3_key) == ("q-2021", "k-2021")


def airflow_connection(dsn: str, **extra: str) -> str:
    parts = parse_dsn(dsn)
    return json.dumps(
        {
            "conn_type": "postgres",
            "host": parts["host"],
            "port": int(parts.get("port", 5432)),
            "login": parts["user"],
            "password": parts.get("password", ""),
            "schema": parts["dbname"],
            "extra": extra,
        }
    )


@pytest.fixture
def uploads() -> list[bytes]:
    return []


@pytest.fixture
def export(
    postgres_to_s3: ModuleType, postgres_dsn: str, uploads: list[bytes], monkeypatch: pytest.MonkeyPatch
) -> Callable[..., bytes]:
    """Run the operator on a query and return the object that it uploads."""

    class FakeS3Hook:
        def __init__(self, aws_conn_id: str, **_: Any) -> None:
            assert aws_conn_id == "s3"

        def load_file_obj(self, file_obj: Any, key: str, bucket_name: str, replace: bool) -> None:
            assert (bucket_name, key, replace) == ("bucket", "key.csv", True)
            uploads.append(file_obj.read())

    monkeypatch.setattr(postgres_to_s3, "S3Hook", FakeS3Hook)

    def run(query: str, **extra: str) -> bytes:
        monkeypatch.setenv("AIRFLOW_CONN_PG", airflow_connection(postgres_dsn, **extra))
        postgres_to_s3.PostgresToS3Operator(
            task_id="export", postgres_conn_id="pg", query=query, s3_conn_id="s3", s3_bucket="bucket", s3_key="key.csv"
        ).execute({})
        return uploads.pop()

    return run


def write_with_python(dsn: str, query: str) -> bytes:
    with closing(psycopg2.connect(dsn)) as connection, connection.cursor() as cursor:
        cursor.execute(query)
        file = io.StringIO(newline="")
        writer = csv.writer(file, quoting=csv.QUOTE_ALL, lineterminator="\n")
        writer.writerow([column.name for column in cursor.description or ()])
        writer.writerows(cursor)
    return file.getvalue().encode()


@pytest.fixture
def awkward_table(postgres_dsn: str) -> str:
    """Create a table with every awkward text and with NULLs, and return its name."""
    with closing(psycopg2.connect(postgres_dsn)) as connection, connection, connection.cursor() as cursor:
        cursor.execute("DROP TABLE IF EXISTS awkward")
        cursor.execute(
            'CREATE TABLE awkward (id BIGINT, "say ""hi"", é%s" TEXT, price INTEGER, latitude NUMERIC(18,16), '
            "rate NUMERIC(5,2), seen DATE, short VARCHAR(100))"
        )
        rows: list[tuple[Any, ...]] = [
            (2**40 + number, text, -number, "52.3786012345678901", "1.50", "2021-01-09", text)
            for number, text in enumerate(AWKWARD)
        ]
        rows += [(None,) * 7, (1, None, 0, "-0.5", None, "0999-12-31", None)]
        cursor.executemany("INSERT INTO awkward VALUES (%s, %s, %s, %s, %s, %s, %s)", rows)
    return "awkward"


@pytest.mark.parametrize(
    "query",
    [
        "SELECT * FROM {table} ORDER BY id DESC",
        "SELECT * FROM {table} WHERE false",
        'SELECT id, id, "say ""hi"", é%s" AS id FROM {table} ORDER BY 1',
        "WITH w AS (SELECT * FROM {table}) SELECT price + 1, count(*) FROM w GROUP BY 1 ORDER BY 1 LIMIT 5",
        "SELECT (ARRAY[1, 2])[1], 'literal', NULL",
        "VALUES (1, 'a'), (NULL, NULL)",
    ],
)
@pytest.mark.parametrize("end", ["", ";", " -- the end", "; -- the end;", ";\n/* the end */\n"])
def test_the_bytes_equal_those_of_csv_quote_all(
    export: Callable[..., bytes], postgres_dsn: str, awkward_table: str, query: str, end: str
) -> None:
    query = query.format(table=awkward_table)
    assert export(query + end) == write_with_python(postgres_dsn, query)


def test_a_column_of_end_of_data_markers(export: Callable[..., bytes]) -> None:
    assert export(r"VALUES ('\.'), (NULL), ('')") == b'"column1"\n"\\."\n""\n""\n'


def test_settings_of_the_session_do_not_affect_the_bytes(
    export: Callable[..., bytes], postgres_dsn: str, awkward_table: str
) -> None:
    query = f"SELECT * FROM {awkward_table} ORDER BY id"  # noqa: S608
    expected = write_with_python(postgres_dsn, query)
    assert export(query, options="-c datestyle=German,DMY") == expected
    assert export(query, client_encoding="LATIN1") == expected


def test_the_log_has_the_query_and_the_number_of_rows(
    export: Callable[..., bytes], postgres_to_s3: ModuleType, monkeypatch: pytest.MonkeyPatch
) -> None:
    log = Mock()
    monkeypatch.setattr(postgres_to_s3.PostgresToS3Operator, "log", log)
    export("SELECT generate_series(1, 3) AS n")
    assert [call.args[0] % call.args[1:] for call in log.info.call_args_list] == [
        "Query: SELECT generate_series(1, 3) AS n",
        "Wrote 3 rows (16 bytes) to s3://bucket/key.csv",
    ]


def test_a_failing_query_uploads_nothing(export: Callable[..., bytes], uploads: list[bytes]) -> None:
    """The second query fails after its first rows."""
    with pytest.raises(Exception, match='relation "nowhere" does not exist'):
        export("SELECT * FROM nowhere")
    with pytest.raises(Exception, match="division by zero"):
        export("SELECT 1 / (n - 5000) FROM generate_series(1, 10000) AS n")
    assert uploads == []


MILLION = """
import json, resource, sys
from inside_airbnb import postgres_to_s3

class FakeS3Hook:
    def __init__(self, **_):
        pass

    def load_file_obj(self, file_obj, **_):
        while block := file_obj.read(2**20):
            self.__class__.size += len(block)

def export(rows):
    FakeS3Hook.size = 0
    postgres_to_s3.PostgresToS3Operator(
        task_id=f"export_{rows}", postgres_conn_id="pg", s3_conn_id="s3", s3_bucket="bucket", s3_key="key.csv",
        query=f"SELECT n, repeat('house ', 50) AS name, n % 500 AS price FROM generate_series(1, {rows}) AS n",
    ).execute({})
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss // 1024

postgres_to_s3.S3Hook = FakeS3Hook
print(json.dumps({"before": export(1), "after": export(1_000_000), "size": FakeS3Hook.size}))
"""


def test_a_million_rows_need_bounded_memory(postgres_dsn: str, tmp_path: Path) -> None:
    run = subprocess.run(
        [sys.executable, "-c", MILLION],
        env={
            "PATH": os.environ["PATH"],
            "AIRFLOW_HOME": str(tmp_path),
            "PYTHONPATH": str(Path(__file__).parents[2] / "dags"),
            "AIRFLOW_CONN_PG": airflow_connection(postgres_dsn),
        },
        capture_output=True,
        text=True,
        timeout=300,
    )
    assert run.returncode == 0, run.stderr
    measured = json.loads(run.stdout.splitlines()[-1])
    assert measured["size"] > 300_000_000
    assert measured["after"] - measured["before"] < 200, measured
