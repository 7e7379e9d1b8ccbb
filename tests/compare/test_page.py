"""The page of a comparison, without a browser (see tests/report/test_browser.py)."""

from __future__ import annotations

import hashlib
import re
from base64 import b64encode
from html import unescape

import pytest

from harness.compare.compare import compare_sides
from harness.compare.model import Comparison, Difference, Section
from harness.compare.page import CARDS, OPEN_CARDS, format_page
from harness.compare.side_by_side import put_side_by_side
from tests.compare.builders import csv_object, run, scenario, side, stored, versions
from tests.html_elements import Elements
from tests.report.sessions import HOSTILE

SAFE = "https://example.org/x.js"


def a_difference(**changes: object) -> Difference:
    values = {"scenario": "a.py::one", "run": "prices 2021-06-01", "service": "airflow", "field": "xcoms.t.k"}
    given = {"verdict": "changed", "fails": True, "before": 1, "after": 2, "message": "1 -> 2"}
    return Difference.model_validate({**values, **given, **changes})


def a_comparison(*differences: Difference, **changes: object) -> Comparison:
    """Return a comparison of one run in which a text, a table and an XCom changed, or of the given differences."""
    sides = [
        side(
            scenario(
                run(
                    xcoms={"t": {"k": number}},
                    objects={
                        "out": {
                            "a.txt": stored(f"same\nnumber {number}\nend"),
                            "b.csv": csv_object("id,n", [f"{n},{n * number}" for n in range(9)]),
                        }
                    },
                )
            ),
            versions=versions(airflow=airflow),
        )
        for number, airflow in ((1, "2.11.2"), (2, "3.3.2"))
    ]
    comparison = compare_sides(sides[0], sides[1])
    return comparison.model_copy(update={**({"differences": differences} if differences else {}), **changes})


def a_hostile_comparison() -> Comparison:
    nested: object = HOSTILE
    for _ in range(150):
        nested = [nested]
    differences = [
        a_difference(
            scenario=HOSTILE, run=f"\x1b]{HOSTILE}", field=f"xcoms.{HOSTILE}", message=HOSTILE, before=HOSTILE,
            after=nested, task=HOSTILE, detail=(HOSTILE, f"row 1: {HOSTILE} -> x"),
        ),
        a_difference(field="xcoms.huge", before="x" * 100_000, after="y\n" * 50_000, message="z" * 1000),
        a_difference(field="xcoms.a", accepted=f"{HOSTILE} {SAFE}"),
        a_difference(field="xcoms.u", verdict="unstable", fails=False, before=None, after=None, message=HOSTILE),
    ]  # fmt: skip
    section = Section(title=HOSTILE, note=SAFE, header=(HOSTILE,), rows=((HOSTILE, SAFE),))
    comparison = a_comparison(*differences, sections=(section,), problems=(HOSTILE,), notes=(HOSTILE,))
    baseline = comparison.baseline.model_copy(update={"label": HOSTILE, "versions": versions(airflow=HOSTILE)})
    return comparison.model_copy(update={"baseline": baseline})


def test_hostile_texts_are_escaped() -> None:
    text = format_page(a_hostile_comparison())
    assert HOSTILE not in text
    assert "document.title=" in text, "the text is shown"
    assert "\x1b" not in text
    elements = Elements(text).found
    tags = [tag for tag, _ in elements]
    assert (tags.count("script"), tags.count("style"), tags.count("img")) == (1, 1, 0)
    assert not any(name.startswith("on") or name in ("style", "src") for _, attrs in elements for name in attrs)
    assert len(text) < 200_000, "huge values are cut"


def test_the_page_loads_nothing() -> None:
    elements = Elements(format_page(a_hostile_comparison())).found
    targets = [value or "" for _, attrs in elements for name, value in attrs.items() if name in ("href", "action")]
    assert {target for target in targets if not target.startswith("#d-")} == {"data:,"}


def test_the_policy_has_the_digests_of_style_and_script() -> None:
    text = format_page(a_comparison())
    policy = unescape(re.findall(r'Content-Security-Policy" content="([^"]+)"', text)[0])
    assert policy.startswith("default-src 'none'; ")
    for tag in ("style", "script"):
        (content,) = re.findall(rf"<{tag}>(.*?)</{tag}>", text, re.DOTALL)
        digest = b64encode(hashlib.sha256(content.encode()).digest()).decode()
        assert f"{tag}-src 'sha256-{digest}'" in policy


def test_a_failed_comparison_says_so_first() -> None:
    text = format_page(a_comparison(problems=("accepted.toml, line 1: expired",)))
    parts = ["airflow 2.11.2 → 3.3.2</h1>", "FAILED: 1 scenario compared, 3 changed", "line 1: expired", "<main>"]
    positions = [text.index(part) for part in parts]
    assert positions == sorted(positions)
    assert "<title>FAILED: airflow 2.11.2 → 3.3.2</title>" in text
    passed = format_page(a_comparison(a_difference(verdict="warning", fails=False)))
    assert "passed: 1 scenario compared, 1 warning" in passed
    assert "FAILED: " in format_page(a_comparison(a_difference(verdict="warning", fails=False)), strict=True)
    not_comparable = format_page(
        a_comparison(a_difference()).model_copy(update={"not_comparable": "no uv", "differences": ()})
    )
    assert "NOT COMPARABLE: no uv" in not_comparable


def test_ids_are_unique_and_stay_the_same_in_the_next_comparison() -> None:
    differences = [
        *(a_difference(scenario=f"a.py::{n}") for n in range(5)),
        *(a_difference(field=f"xcoms.many.{n}", above="xcoms.many", before=n) for n in range(6)),
        a_difference(field="twice", message="a"),
        a_difference(field="twice", message="b"),
    ]
    ids = [attrs["id"] for _, attrs in Elements(format_page(a_comparison(*differences))).found if "id" in attrs]
    assert len(ids) == len(set(ids))
    links = {one for one in ids if one and one.startswith("d-")}
    assert len(links) == len(differences)
    changed = [one.model_copy(update={"after": 3, "message": f"{one.message} now"}) for one in reversed(differences)]
    later = Elements(format_page(a_comparison(*changed))).found
    assert {attrs["id"] for _, attrs in later if (attrs.get("id") or "").startswith("d-")} == links


def test_many_differences_are_folded() -> None:
    differences = [a_difference(field=f"f{n}", alike=str(n)) for n in range(CARDS + 7)]
    differences += [a_difference(field="a", accepted="since 3.3", alike="a")]
    text = format_page(a_comparison(*differences))
    cards = [
        attrs for tag, attrs in Elements(text).found if tag == "details" and attrs.get("class") == "difference card"
    ]
    assert len(cards) == CARDS + 1
    assert sum("open" in attrs for attrs in cards) == OPEN_CARDS
    assert "7 more groups of differences are not on this page" in text
    assert "since 3.3" in text


def side_by_side(difference: Difference) -> list[tuple[str | None, ...]]:
    """Return label, baseline and candidate of each line, with the marked parts in brackets."""
    found = []
    for line in put_side_by_side(difference).lines:
        texts = [
            "".join((one.start, one.marked and f"[{one.marked}]", one.end)) if one is not None else None
            for one in (line.before, line.after)
        ]
        found.append((line.label or str(line.skipped or ""), *texts))
    return found


LONG = "x" * 130
JSON_LINES = [
    ("", "{", "{"),
    ("", f'  "a": "{LONG}",', f'  "a": "{LONG}",'),
    ("", '  "b": [[2]]', '  "b": [[3]]'),
    ("", "}", "}"),
]
CUT_TEXTS = {"before": '"a... (5000 characters)', "after": '"a... (5001 characters)'}
CUT_DETAIL = ("from line 7 on:", "-x1", "+x2", "size 1 -> 2 bytes")


@pytest.mark.parametrize(
    ("changes", "expected"),
    [
        ({"before": 42, "after": 0}, [("", "[42]", "[0]")]),
        ({"before": "1", "after": 1}, [("", '["1"]', "[1]")]),
        ({"before": None, "after": "x", "absent": "baseline"}, [("", None, "x")]),
        ({"before": "", "after": "x"}, [("", '[""]', "[x]")]),
        (
            {"before": "a\nb 1\nc", "after": "a\nb 2\nc\n"},
            [("", "a", "a"), ("", "b [1]", "b [2]"), ("", "c", "c"), ("", None, "")],
        ),
        ({"before": {"a": LONG, "b": [2]}, "after": {"a": LONG, "b": [3]}}, JSON_LINES),
        ({"before": None, "after": None, "field": "objects.b.k.order"}, []),
        ({"detail": ("all 2 rows", "row 3: 1 -> 2", 'row 4: "a -> b" -> 2')}, [("row 3", "[1]", "[2]")]),
        ({"field": "tables.t.removed_rows", "detail": ("row 3: {}",)}, [("row 3", "{}", None)]),
        ({**CUT_TEXTS, "detail": CUT_DETAIL}, [("from line 7 on", "x[1]", "x[2]")]),
        (
            {"before": '"a\\nb... (5000 characters)', "after": "a"},
            [("", "a", "a"), ("", "b... (5000 characters)", None)],
        ),
    ],
)
def test_values_are_side_by_side(changes: dict[str, object], expected: list[tuple[str | None, ...]]) -> None:
    assert side_by_side(a_difference(**changes)) == expected


def test_of_many_equal_lines_only_the_nearest_are_shown() -> None:
    lines = [f"line {n}" for n in range(50)]
    shown = side_by_side(a_difference(before="\n".join([*lines, "a"]), after="\n".join([*lines, "b"])))
    assert [one[0] for one in shown] == ["47", "", "", "", ""]
    assert shown[-1] == ("", "[a]", "[b]")
