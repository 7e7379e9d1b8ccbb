"""Summaries of CSV, JSON, JSON lines and Parquet."""

from __future__ import annotations

import datetime as dt
import io
import sys

import pyarrow
import pytest
from pyarrow import parquet

from harness.evidence.tabular import Format, NoTableError, find_format, summarise

TABLES: dict[str, tuple[Format, bytes, dict[str, str], int]] = {
    "types": (
        "csv",
        b"i,n,b,t,e,zero\r\n1,1.5,true,x,,007\r\n-2,3,False,1,,1\r\n",
        {"i": "integer", "n": "number", "b": "boolean", "t": "text", "e": "null", "zero": "text"},
        2,
    ),
    "another delimiter": ("csv", b"a;b\n1;2,5\n", {"a": "integer", "b": "text"}, 1),
    "one column": ("csv", b"a\n1\n\n2\n", {"a": "integer"}, 2),
    "a quoted line end": ("csv", b'a,b\n"x\ny",1\n', {"a": "text", "b": "integer"}, 1),
    "odd names": (
        "csv",
        b"a,a,\n1,2,3,4\n",
        {"a": "integer", "a (column 2)": "integer", "(column 3)": "integer", "column 4": "integer"},
        1,
    ),
    "only a header": ("csv", b"a,b\n", {"a": "null", "b": "null"}, 0),
    "a list": ("json", b'[{"a": 1, "b": null}, {"a": 2.5, "c": [1]}]', {"a": "number", "b": "null", "c": "object"}, 2),
    "an object": ("json", b'{"a": true}', {"a": "boolean"}, 1),
    "lines named json": ("json", b'{"a": 1}\n\n{"a": "x"}\n', {"a": "mixed"}, 2),
    "lines": ("json lines", b'{"a": "x"}\n{"a": null}\n', {"a": "text"}, 2),
}


@pytest.mark.parametrize(("form", "content", "columns", "rows"), TABLES.values(), ids=TABLES)
def test_columns_types_and_rows(form: Format, content: bytes, columns: dict[str, str], rows: int) -> None:
    table = summarise(io.BytesIO(content), form, len(content))
    assert (table.columns, table.rows, len(table.row_digests)) == (columns, rows, rows)


def test_equal_rows_have_equal_digests() -> None:
    before = summarise(io.BytesIO(b"a,b\n1,x\n2,y\n"), "csv", 12)
    after = summarise(io.BytesIO(b"a,b\n1,x\n2,z\n"), "csv", 12)
    assert before.row_digests[0] == after.row_digests[0]
    assert before.row_digests[1] != after.row_digests[1]
    plain = summarise(io.BytesIO(b'[{"a": 1, "b": 2}]'), "json", 18)
    assert plain.row_digests == summarise(io.BytesIO(b'{"b": 2, "a": 1}'), "json lines", 16).row_digests


@pytest.mark.parametrize(
    ("form", "content", "why"),
    [
        ("csv", b"", "it is empty"),
        ("csv", b"a\n\xff", "it is not CSV: 'utf-8' codec"),
        ("csv", b'a\n"' + b"x" * 200_000, "it is not CSV: field larger"),
        ("json", b"[1]", "its values are no objects"),
        ("json", b"[" * 100_000, "it is not JSON"),
        ("json", b"nope", "it is not JSON"),
        ("json", b"[]", "it has no row"),
        ("json lines", b"{}\n{", "it is not JSON LINES"),
    ],
)
def test_other_content_has_no_table(form: Format, content: bytes, why: str) -> None:
    with pytest.raises(NoTableError) as raised:
        summarise(io.BytesIO(content), form, len(content))
    assert str(raised.value).startswith(why)


def test_formats() -> None:
    assert find_format("a/B.CSV", None) == "csv"
    assert find_format("part-0", "application/json; charset=utf-8") == "json"
    assert find_format("a.parquet", "binary/octet-stream") == "parquet"
    assert find_format("a.txt", "text/plain") is None


def test_parquet_is_an_extra(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "pyarrow", None)  # as if it were not installed
    with pytest.raises(NoTableError, match=r"Parquet needs the extra: pip install 'airflow-scenario-harness\[parquet"):
        summarise(io.BytesIO(b"PAR1"), "parquet", 4)


def test_parquet() -> None:
    file = io.BytesIO()
    columns = {"item": ["pen", "ink"], "price": [1.5, None], "sold": [dt.date(2026, 3, 1), dt.date(2026, 3, 2)]}
    parquet.write_table(pyarrow.table(columns), file)
    size = file.tell()
    file.seek(0)
    summary = summarise(file, "parquet", size)
    assert (summary.rows, len(set(summary.row_digests))) == (2, 2)
    assert summary.columns == {"item": "text", "price": "number", "sold": "text"}


def test_a_file_that_is_not_parquet_has_no_table() -> None:
    with pytest.raises(NoTableError, match="it is not Parquet"):
        summarise(io.BytesIO(b"PAR1"), "parquet", 4)
