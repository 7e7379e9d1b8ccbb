"""The page and the charts on it, without a browser (see test_browser.py)."""

from __future__ import annotations

import re
from dataclasses import replace
from itertools import pairwise

import pytest
from markupsafe import escape

from harness.report.charts import gantt, graph
from harness.report.model import Stack
from harness.report.page import page, size
from harness.run import Run
from tests.html_elements import Elements
from tests.report.sessions import HOSTILE, LONG, a_session, by_id, failed_run, task


def test_data_is_escaped() -> None:
    text = page(a_session())
    assert HOSTILE not in text
    assert "document.title=" in text, "the text is shown"
    tags = [tag for tag, _ in Elements(text).found]
    assert tags.count("script") == 1
    assert "img" not in tags


def test_a_failed_card_is_open_with_the_exception_on_top() -> None:
    text = page(a_session())
    cards = [attrs for tag, attrs in Elements(text).found if tag == "details" and attrs.get("class") == "scenario card"]
    assert [attrs["id"] for attrs in cards if "open" in attrs] == ["s1", "s3"]
    cause = f"crunch: ValueError: {escape(HOSTILE)}"
    assert f'<span class="why">{cause}</span>' in text
    card = text.split(' id="s1"')[1].split(' id="s2"')[0]
    positions = [
        card.index(part) for part in (cause, "the run failed: crunch failed", "scenarios/test_a.py:12", "<article")
    ]
    assert positions == sorted(positions)
    assert escape(f">       assert b'41' == {HOSTILE!r}") in text.split(' id="s3"')[1]


def test_a_small_text_has_a_preview() -> None:
    assert f'">first line\n{escape(HOSTILE)}</pre>' in page(a_session())


def test_a_stack_without_an_id_has_no_empty_brackets() -> None:
    stack = Stack(stack_id="", start_seconds={"minio": 1.0})
    session = a_session()
    scenarios = (session.scenarios[0].model_copy(update={"stack_id": ""}),)
    text = page(session.model_copy(update={"stacks": (stack,), "scenarios": scenarios}))
    assert "Services and their start times</summary>" in text


def test_the_page_loads_no_other_files() -> None:
    elements = Elements(page(a_session())).found
    addresses = [value for _, attrs in elements for name, value in attrs.items() if name in ("src", "href", "action")]
    outside = [one for one in addresses if one and not one.startswith(("#", "files/", "data:,"))]
    assert sorted(outside) == ["report.json", "summary.md"]
    assert not any(name.startswith("on") or name == "style" for _, attrs in elements for name in attrs)


def test_the_policy_allows_only_the_pages_own_script_and_style() -> None:
    policy = re.search(r'Content-Security-Policy" content="([^"]+)"', page(a_session()))
    assert policy
    assert policy[1].startswith("default-src &#39;none&#39;; ")
    assert "unsafe" not in policy[1]


def test_ids_are_unique_and_links_have_targets() -> None:
    elements = Elements(page(a_session())).found
    ids = [attrs["id"] for _, attrs in elements if "id" in attrs]
    assert len(ids) == len(set(ids))
    leads = {attrs["href"] for tag, attrs in elements if tag == "a" and (attrs["href"] or "").startswith("#")}
    assert leads == {"#s1", "#s2", "#s3", "#s4", "#scenarios-title"}
    assert {lead[1:] for lead in leads if lead} <= set(ids)


def test_the_page_mentions_unknown_and_omitted_data() -> None:
    text = page(a_session())
    assert "The DAG&#39;s edges are unknown." in text or "The DAG's edges are unknown." in text
    assert "Not run: DAG &#39;helo&#39; is not in &lt;/pre&gt;" in text
    assert "log.txt has 202 lines before it" in text
    assert "evidence.json lists 51 more objects." in text
    assert "evidence.json lists 20 more rows." in text
    assert "Truncated: the evidence has the first 120 of 3000 rows." in text


def test_watched_tables_are_shown() -> None:
    text = page(a_session())
    assert "<td>2026-03-99</td><td>NULL</td><td>[&#34;&lt;/pre&gt;" in text
    assert "Table <code>shop.daily</code> can't be read: no table &lt;/pre&gt;" in text


def test_bars_have_the_tasks_times() -> None:
    chart = gantt(failed_run())
    bars = {bar.task.task_id: (bar.left, bar.width) for bar in chart.bars}
    whole = 10.301
    assert bars["export"] == (0, pytest.approx(100 * 2.5 / whole, abs=0.01))
    assert bars["crunch"] == (pytest.approx(100 * 4 / whole, abs=0.01), pytest.approx(100 * 6.25 / whole, abs=0.01))
    assert bars["tell"] == bars["later"] == (None, None)
    assert [label for _, label in chart.ticks] == ["0 s", "5 s", "10 s"]
    assert [bar.task.task_id for bar in chart.bars][:2] == ["export", "copy[0]"]


def test_a_run_without_started_tasks_has_no_axis() -> None:
    chart = gantt(Run(dag_id="d", date="2021-01-01", tasks=by_id(task("never", None))))
    assert chart.ticks == ()
    assert [bar.left for bar in chart.bars] == [None]


def test_each_box_is_below_its_upstream_tasks() -> None:
    run = failed_run()
    drawn = graph(run)
    assert drawn
    assert run.edges
    boxes = {box.task_id: box for box in drawn.boxes}
    assert all(boxes[before].y < boxes[after].y for before, after in run.edges)
    assert len(drawn.lines) == len(run.edges)
    for box in drawn.boxes:
        assert box.x - box.width / 2 >= 0
        assert box.x + box.width / 2 <= drawn.width
    rows: dict[float, list[tuple[float, float]]] = {}
    for box in drawn.boxes:
        rows.setdefault(box.y, []).append((box.x - box.width / 2, box.x + box.width / 2))
    for row in rows.values():
        row.sort()
        assert all(left[1] < right[0] for left, right in pairwise(row)), "boxes do not overlap"


def test_a_box_has_its_state_in_words() -> None:
    drawn = graph(failed_run())
    assert drawn
    state_text = {box.task_id: box.state_text for box in drawn.boxes}
    assert state_text["copy"] == "failed, 1 of 2"
    assert state_text["later"] == "not begun"
    assert state_text["tell"] == "upstream failed"
    label = next(box.label for box in drawn.boxes if box.task_id == LONG)
    assert label.startswith("…")
    assert label.endswith("that_does_not_end")


def test_a_run_with_unknown_edges_has_no_graph() -> None:
    assert graph(replace(failed_run(), edges=None)) is None
    alone = graph(replace(failed_run(), edges=(), tasks=by_id(task("one", "success", 0, 1))))
    assert alone
    assert [box.task_id for box in alone.boxes] == ["one"]


def test_sizes() -> None:
    assert [size(n) for n in (0, 999, 1000, 1234567, 5 * 10**12)] == ["0 B", "999 B", "1.0 kB", "1.2 MB", "5000.0 GB"]
