"""Buckets, seed objects, CSV seeds and watched tables of a project, on an embedded stack."""

from __future__ import annotations

import datetime as dt
import shutil
from collections.abc import Iterator
from decimal import Decimal

import pytest

from harness.errors import MissingTableError, SettingsError
from harness.evidence import tables
from harness.evidence.aws_state import AwsState
from harness.evidence.objects import gather_objects
from harness.evidence.tables import TableRows, gather_tables, read_rows
from harness.services.embedded.stack import embedded_stack
from harness.services.schema import load_schema
from harness.services.seeds import put_seeds
from harness.services.session import ServiceSession, new_run
from harness.services.stack import Stack
from harness.settings import Settings
from harness.templating import read_schemas

TOTALS = """\ufeffid,Day of sale,total,note
10,2026-03-02,1234567890.10,"two
lines, a comma; \\. and a "" quote"
9,2026-03-01,12.50,
2,,0.00,""
"""
SCHEMA = """
SELECT pg_catalog.set_config('search_path', '', false);
CREATE TABLE public.daily_totals (id int, "Day of sale" date, total numeric(12, 2), note text);
CREATE SCHEMA audit;
CREATE TABLE audit.events (at timestamptz, detail json, raw bytea, ratio float8, spans interval, tags text[])
"""
MORE = """
INSERT INTO audit.events VALUES
 ('2026-03-01 01:00+01', '{"b": [1, 2.5]}', '\\x00ff', 'NaN', '1 day', '{a,NULL}'), (NULL, NULL, NULL, 0.1, NULL, NULL);
CREATE VIEW public.chosen AS SELECT count(*) AS chosen FROM public.daily_totals
"""


@pytest.fixture(scope="module")
def settings(tmp_path_factory: pytest.TempPathFactory) -> Settings:
    root = tmp_path_factory.mktemp("project")
    for name, text in {
        "schema.sql": SCHEMA,
        "daily_totals.csv": TOTALS,
        "more.sql": MORE,
        "in/2026/a b.csv": "a",
        "in/z.csv": "zz",
        "model.bin": "model",
    }.items():
        (root / name).parent.mkdir(parents=True, exist_ok=True)
        (root / name).write_text(text)
    (root / "pyproject.toml").write_text("""
[tool.harness]
region = "eu-west-1"
buckets = ["landing"]
aws_buckets = ["models", "empty"]
objects = {"landing" = "in", "landing/copies" = "in/2026", "landing/one.csv" = "in/z.csv"}
aws_objects = {"models/v1/model.bin" = "model.bin"}
databases = {shop = ["schema.sql", "daily_totals.csv", "more.sql"]}
watch = ["shop.daily_totals", "shop.audit.events", "shop.chosen", "shop.daily_total"]
""")
    return Settings.load(root, ())


@pytest.fixture(scope="module")
def stack(settings: Settings) -> Iterator[Stack]:
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(shutil, "which", lambda program: None)
        with embedded_stack(ServiceSession(settings.root, new_run()), settings, read_schemas(settings)) as running:
            yield running


def test_seed_objects_are_in_both_stores_and_leave_no_call(
    stack: Stack, settings: Settings, monkeypatch: pytest.MonkeyPatch
) -> None:
    for region in ("us-east-1", "eu-west-1"):
        monkeypatch.setattr(stack.aws, "region", region)
        stack.reset()
        put_seeds(stack, settings)

        found = gather_objects(stack.minio.client(), stack.mask)
        aws = AwsState.from_document(stack.aws.state())
        assert {bucket: {key: one.stored.size for key, one in keys.items()} for bucket, keys in found.items()} == {
            "landing": {"2026/a b.csv": 1, "copies/a b.csv": 1, "one.csv": 2, "z.csv": 2}
        }
        assert {bucket: {key: one.size for key, one in keys.items()} for bucket, keys in aws.objects.items()} == {
            "empty": {},
            "models": {"v1/model.bin": 5},
        }
        assert aws.calls == []
    location = stack.aws.client("s3").get_bucket_location(Bucket="models")["LocationConstraint"]
    assert location == "eu-west-1"


def test_csv_seeds_are_rows_of_the_tables_types(stack: Stack) -> None:
    stack.postgres.reset()
    assert read_rows(stack.postgres, "shop", "daily_totals") == [
        {"id": 2, "Day of sale": None, "total": Decimal("0.00"), "note": ""},
        {"id": 9, "Day of sale": dt.date(2026, 3, 1), "total": Decimal("12.50"), "note": None},
        {
            "id": 10,
            "Day of sale": dt.date(2026, 3, 2),
            "total": Decimal("1234567890.10"),
            "note": 'two\nlines, a comma; \\. and a " quote',
        },
    ]
    assert len(read_rows(stack.postgres, "shop", "audit.events")) == 2


def test_watched_tables_are_json_in_a_fixed_order(stack: Stack, settings: Settings) -> None:
    stack.postgres.reset()
    found = gather_tables(stack.postgres, settings.watch)
    assert [row["total"] for row in found["shop.daily_totals"].rows] == ["0.00", "12.50", "1234567890.10"]
    nothing = {"at": None, "detail": None, "raw": None, "ratio": 0.1, "spans": None, "tags": None}
    event = {
        "at": "2026-03-01T00:00:00+00:00",
        "detail": {"b": [1, 2.5]},
        "raw": "\\x00ff",
        "ratio": "NaN",
        "spans": "P1D",
        "tags": ["a", None],
    }
    assert found["shop.audit.events"] == TableRows((event, nothing), 2)
    assert found["shop.chosen"] == TableRows(({"chosen": 3},), 1)
    assert found["shop.daily_total"] == TableRows(
        unreadable="database 'shop' has no table 'daily_total'. Its tables are 'daily_totals', 'audit.events', 'chosen'"
    )


def test_evidence_of_a_table_has_limits(stack: Stack, settings: Settings, monkeypatch: pytest.MonkeyPatch) -> None:
    stack.postgres.reset()
    monkeypatch.setattr(tables, "ROWS", 2)
    by_rows = gather_tables(stack.postgres, ["shop.daily_totals"])["shop.daily_totals"]
    assert ([row["id"] for row in by_rows.rows], by_rows.total, by_rows.truncated) == ([2, 9], 3, True)
    monkeypatch.setattr(tables, "CHARACTERS", 80)
    by_size = gather_tables(stack.postgres, ["shop.daily_totals"])["shop.daily_totals"]
    assert ([row["id"] for row in by_size.rows], by_size.truncated) == ([2], True)


def test_rows_beyond_the_limit_have_a_digest(stack: Stack, monkeypatch: pytest.MonkeyPatch) -> None:
    stack.postgres.reset()
    name = "shop.daily_totals"
    assert gather_tables(stack.postgres, [name])[name].rest_digest is None
    monkeypatch.setattr(tables, "ROWS", 1)
    before, again = (gather_tables(stack.postgres, [name])[name] for _ in range(2))
    assert before.rest_digest
    with stack.postgres.connect("shop") as connection:
        connection.execute("UPDATE daily_totals SET note = 'new' WHERE id = 10")
    after = gather_tables(stack.postgres, [name])[name]
    assert (before == again, before.rows == after.rows, before.total == after.total) == (True, True, True)
    assert after.rest_digest not in (None, before.rest_digest)


def test_a_table_that_cant_be_read_says_why_and_stops_nothing(stack: Stack) -> None:
    stack.postgres.reset()
    with stack.postgres.connect("shop") as connection:
        connection.execute("ALTER ROLE shop PASSWORD 'changed by a DAG'")
    (found,) = gather_tables(stack.postgres, ["shop.daily_totals"]).values()
    assert (found.rows, found.total) == ((), 0)
    assert "password authentication failed" in str(found.unreadable)
    assert "\n" not in str(found.unreadable)
    stack.postgres.reset()


@pytest.mark.parametrize(
    ("database", "table", "message"),
    [
        ("shp", "daily_totals", r"^database 'shp' is not declared\. The databases are 'shop'$"),
        ("shop", "events", r"^database 'shop' has no table 'events'\. Its tables are 'audit\.events', "),
    ],
)
def test_missing_rows_are_one_line(stack: Stack, database: str, table: str, message: str) -> None:
    with pytest.raises(MissingTableError, match=message):
        read_rows(stack.postgres, database, table)


@pytest.mark.parametrize(
    ("schema", "message"),
    [
        ("CREAT TABLE a ()", 'Postgres refuses its seeds: syntax error at or near "CREAT" | LINE 1: CREAT TABLE a ()'),
        ('COPY "none" ("a") FROM stdin (FORMAT csv, HEADER);\na\n1\n\\.\n', 'relation "none" does not exist'),
        (
            'CREATE TABLE pg_temp.n (a int);\nCOPY pg_temp.n ("a") FROM stdin (FORMAT csv, HEADER);\na\n1\nx\n\\.\n',
            'invalid input syntax for type integer: "x" | CONTEXT:  COPY n, line 3, column a: "x"',
        ),
    ],
)
def test_a_refused_seed_is_one_line(stack: Stack, schema: str, message: str) -> None:
    with stack.postgres.connect("shop") as connection, pytest.raises(SettingsError) as error:
        load_schema(connection, "shop", schema)
    assert str(error.value).startswith("database 'shop': Postgres refuses its seeds: ")
    assert message in str(error.value)
    assert "\n" not in str(error.value)
