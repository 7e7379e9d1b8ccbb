"""Differences in objects and tables say where they concentrate."""

from __future__ import annotations

import base64
import json
from collections.abc import Sequence
from typing import Any

import pytest

from harness.compare.contents import read_rows
from harness.compare.model import Difference
from harness.evidence.document import AwsDocument, ObjectDocument, TableDocument, TabularSummary
from tests.compare.builders import brief, compare, csv_object, run, stored

COUNTRIES = ("DE", "FR", "IT")


def compare_objects(before: ObjectDocument, after: ObjectDocument) -> tuple[Difference, ...]:
    return compare(run(objects={"b": {"k": before}}), run(objects={"b": {"k": after}}))


def compare_rows(
    before: Sequence[str], after: Sequence[str], header: str = "id,country,price"
) -> tuple[Difference, ...]:
    return compare_objects(csv_object(header, before), csv_object(header, after))


def prices(rows: int = 30, drift: float = 0.0) -> list[str]:
    return [f"{n},{COUNTRIES[n % 3]},{n + (drift if COUNTRIES[n % 3] == 'DE' else 0)}" for n in range(1, rows + 1)]


def test_changed_values_are_in_one_column_and_of_one_country() -> None:
    (found,) = compare_rows(prices(), prices(drift=0.5))
    assert (found.verdict, found.field, found.service) == ("changed", "objects.b.k.values.price", "minio")
    assert found.message == "numeric drift in 10 of 30 rows (33.3 %)"
    assert found.detail[:3] == (
        'all 10 changed rows have country = "DE", as 33.3 % of all rows do',
        "largest difference 0.5 (row 30), largest relative 16.7 % (row 3)",
        'row 3: "3.0" -> "3.5"',
    )


def test_rows_that_are_gone_and_rows_that_came() -> None:
    before = prices()
    found = compare_rows(before, [row for row in before if "DE" not in row] + ["99,ES,1"])
    assert brief(found) == [("missing", "objects.b.k.removed_rows"), ("new", "objects.b.k.added_rows")]
    assert found[0].message == "10 rows removed (30 -> 21)"
    assert found[0].detail[0] == 'all 10 removed rows have country = "DE", as 33.3 % of all rows do'


def test_a_removed_row_does_not_hide_a_changed_one() -> None:
    before, after = prices(), prices()[1:]
    after[3] = after[3].replace("5,", "5,XX,", 1).replace("IT,", "")
    assert brief(compare_rows(before, after)) == [
        ("changed", "objects.b.k.values.country"),
        ("missing", "objects.b.k.removed_rows"),
    ]


def test_another_order_of_rows_is_named_as_such() -> None:
    (found,) = compare_rows(prices(), prices()[::-1])
    assert (found.verdict, found.field, found.message) == (
        "changed",
        "objects.b.k.order",
        "the 30 rows have another order",
    )


def test_columns_that_are_gone_came_or_have_another_type() -> None:
    before = csv_object("id,old,price", ["1,x,2", "2,y,3"], ("integer", "text", "integer"))
    after = csv_object("id,price,new", ["1,2.0,x", "2,3.0,y"], ("integer", "number", "text"))
    found = compare_objects(before, after)
    assert brief(found) == [
        ("missing", "objects.b.k.columns.old"),
        ("changed", "objects.b.k.columns.price"),
        ("new", "objects.b.k.columns.new"),
        ("changed", "objects.b.k.values.price"),
    ]
    assert found[3].detail[0] == "equal as numbers, written otherwise"


def test_numbers_that_are_not_finite_are_no_drift() -> None:
    (found,) = compare_rows(["1,a,1", "2,b,2"], ["1,a,nan", "2,b,1e999"])
    assert found.message == "differs in 2 of 2 rows (100 %)"


def test_rows_without_a_key_are_paired_by_their_place() -> None:
    (found,) = compare_rows(["a,1", "a,1", "a,2"], ["a,1", "a,7", "a,2"], header="name,n")
    assert found.message == "numeric drift in 1 of 3 rows (33.3 %)"
    assert found.detail[1] == 'row 2: "1" -> "7"'


def test_a_ragged_csv_and_one_with_repeated_columns() -> None:
    found = compare_objects(csv_object("a,a (column 2)", ["1,2"]), csv_object("a,a (column 2)", ["1,3,4"]))
    assert brief(found) == [("changed", "objects.b.k.values.a (column 2)")]


def test_json_names_the_path() -> None:
    before, after = ({"a": {"b": [1, value]}, "c": 1} for value in (2, 3))
    (found,) = compare_objects(stored(json.dumps(before)), stored(json.dumps(after)))
    assert (found.verdict, found.field, found.message) == ("changed", "objects.b.k.json.a.b[1]", "2 -> 3")


def test_json_lines_are_rows() -> None:
    def lines(value: float) -> ObjectDocument:
        text = "".join(json.dumps({"id": n, "v": value if n == 2 else 1}) + "\n" for n in range(4))
        return stored(text, TabularSummary(format="json lines", columns={"id": "integer", "v": "integer"}, rows=4))

    (found,) = compare_objects(lines(1), lines(5))
    assert (found.field, found.message) == ("objects.b.k.values.v", "numeric drift in 1 of 4 rows (25 %)")


def test_a_text_is_compared_line_by_line() -> None:
    (found,) = compare_objects(stored("one\ntwo\nthree\n"), stored("one\n2\nthree\n"))
    assert (found.field, found.detail[:3]) == ("objects.b.k.text", ("from line 2 on:", "-two", "+2"))
    (found,) = compare_objects(stored("one\n"), stored("one\r\n"))
    assert found.message == "differs in line ends only"
    (found,) = compare_objects(stored("one\ntwo\n"), stored("two\none\n"))
    assert found.message == "the 2 lines have another order"


def test_bytes_name_the_first_place() -> None:
    before, after = (
        stored(base64=base64.b64encode(content).decode(), sha256=content.hex()) for content in (b"\0ab", b"\0ac")
    )
    (found,) = compare_objects(before, after)
    assert (found.field, found.message) == ("objects.b.k.bytes", "differs from byte 2 on")


def test_a_large_table_is_compared_by_the_digests_of_its_rows() -> None:
    def large(digests: Sequence[str]) -> ObjectDocument:
        summary = TabularSummary(format="csv", columns={"a": "text"}, rows=len(digests), row_digests=tuple(digests))
        return stored(None, summary, sha256=str(digests), size=2**21)

    (found,) = compare_objects(large(["a", "b", "c"]), large(["a", "x", "c"]))
    assert (found.field, found.message, found.detail[0]) == (
        "objects.b.k.values", "1 of 3 rows differ", "first rows: 2",
    )  # fmt: skip
    (found,) = compare_objects(large(["a", "b"]), large(["b", "a"]))
    assert found.field == "objects.b.k.order"
    (found,) = compare_objects(large(["a", "b", "c"]), large(["a", "c"]))
    assert (found.verdict, found.message) == ("missing", "1 row removed (3 -> 2)")


def test_a_content_that_the_evidence_lacks_is_compared_by_its_digest() -> None:
    (found,) = compare_objects(stored(size=2**21, sha256="a"), stored(size=2**22, sha256="b"))
    assert (found.field, found.detail) == ("objects.b.k.sha256", ("size 2097152 -> 4194304 bytes",))
    (found,) = compare_objects(stored("***", sha256="a"), stored("***", sha256="b"))
    assert found.message == "the content differs only in what is masked as a secret"


def test_a_watched_table() -> None:
    before, after = (
        TableDocument(rows=tuple({"id": n, "total": total if n else "1.0"} for n in range(3)), total=3)
        for total in ("2.0", "2.5")
    )
    (found,) = compare(run(tables={"shop.totals": before}), run(tables={"shop.totals": after}))
    assert (found.service, found.field) == ("postgres", "tables.shop.totals.values.total")
    (found,) = compare(run(tables={"shop.totals": before}), run(tables={"shop.totals": TableDocument()}))
    assert (found.verdict, found.message) == ("missing", "3 rows removed (3 -> 0)")


@pytest.mark.parametrize(
    ("digests", "fields"),
    [
        (("a", "b"), ["tables.shop.totals.rest_digest"]),
        (("a", "a"), []),
        ((None, "b"), []),  # a side whose other rows were not read says so in `incomplete`
    ],
)
def test_rows_of_a_watched_table_that_the_evidence_lacks(digests: tuple[Any, Any], fields: list[str]) -> None:
    rows = tuple({"id": n} for n in range(3))
    before, after = (TableDocument(rows=rows, total=5, truncated=True, rest_digest=digest) for digest in digests)
    found = compare(run(tables={"shop.totals": before}), run(tables={"shop.totals": after}))
    assert [(one.field, one.message) for one in found] == [
        (field, "rows beyond the first 3 differ") for field in fields
    ]


def test_a_list_of_objects_in_an_xcom_is_a_table() -> None:
    before, after = ([{"id": n, "v": value} for n in range(4)] for value in (1, 2))
    (found,) = compare(run(xcoms={"t": {"k": before}}), run(xcoms={"t": {"k": after}}))
    assert (found.field, found.task) == ("xcoms.t.k.values.v", "t")


def test_a_summary_that_does_not_fit_its_text_is_no_table() -> None:
    damaged = csv_object("a,b", ["1,2"]).model_copy(update={"text": "a,b\n"})
    assert read_rows(damaged) is None
    (found,) = compare_objects(damaged, csv_object("a,b", ["1,3"]))
    assert found.field == "objects.b.k.text"


@pytest.mark.parametrize(
    ("before", "after", "field"),
    [
        ([{"a": [1]}, {"a": [2]}], [{"a": [1.0]}, {"a": [2.0]}], "values.a"),
        ([{"a": {"b": 1}}, {"a": 2}], [{"a": {"b": True}}, {"a": 2}], "values.a"),
        ([{"a": 1, "b": None}, {"a": 2, "b": 3}], [{"a": 1}, {"a": 2, "b": 3}], "values.b"),
        ([{"a": 1}, {"a": 2, "b": 3}], [{"a": 1, "b": None}, {"a": 2, "b": 3}], "values.b"),
        ([{"a": 1}, {"a": 1, "b": None}], [{"a": 1, "b": None}, {"a": 1}], "order"),
    ],
)
def test_a_difference_inside_a_row_is_shown(before: Any, after: Any, field: str) -> None:
    (found,) = compare(run(xcoms={"t": {"k": before}}), run(xcoms={"t": {"k": after}}))
    assert (found.verdict, found.field) == ("changed", f"xcoms.t.k.{field}")
    resources = [AwsDocument(resources={"glue/jobs": {"j": {"Steps": value}}}) for value in (before, after)]
    (found,) = compare(run(aws=resources[0]), run(aws=resources[1]))
    assert found.field == f"aws.resources.glue/jobs.j.Steps.{field}"
    tables = [{"shop.t": TableDocument(rows=tuple(value), total=2)} for value in (before, after)]
    fields = [one.field for one in compare(run(tables=tables[0]), run(tables=tables[1]))]
    assert fields == ([f"tables.shop.t.{field}"] if field != "order" else [])


def test_the_order_of_a_watched_table_says_nothing() -> None:
    """Its rows are read in the order of their values."""
    before, after = ([{"day": day, "order": number} for day, number in rows] for rows in (
        (("a", 0), ("b", 1), ("c", 2)), (("b", 1), ("c", 2), ("z", 0)),
    ))  # fmt: skip
    tables = [{"shop.t": TableDocument(rows=tuple(rows), total=3)} for rows in (before, after)]
    (found,) = compare(run(tables=tables[0]), run(tables=tables[1]))
    assert found.field == "tables.shop.t.values.day"


@pytest.mark.parametrize(
    ("before", "after", "fields"),
    [
        (["1,a", "2,b", "3,c", "4,d"], ["4,d", "3,x", "2,b", "1,a"], ["values.name", "order"]),
        (["1,a", "2,b", "3,c", "4,d"], ["4,d", "3,c", "1,a"], ["removed_rows", "order"]),
        (["1,a", "2,b", "3,c", "4,d"], ["2,b", "3,x", "4,d"], ["values.name", "removed_rows"]),
        (["1,a", "2,b", "1,a"], ["2,b", "1,a"], ["removed_rows"]),
        (["2,b", "1,a"], ["1,a", "2,b", "1,a"], ["added_rows"]),
        (["1,a", "1,b", "2,c"], ["1,x", "1,a", "1,b"], ["values.id", "values.name"]),
    ],
)
def test_another_order_is_shown_beside_other_changes(before: list[str], after: list[str], fields: list[str]) -> None:
    found = compare_rows(before, after, header="id,name")
    assert [one.field.removeprefix("objects.b.k.") for one in found] == fields
