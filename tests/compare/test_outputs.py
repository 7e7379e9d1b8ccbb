"""The text, Markdown, JSON and JUnit of a comparison, and the command that writes them."""

from __future__ import annotations

from pathlib import Path
from xml.etree.ElementTree import Element, fromstring

import pytest

from harness.cli import main
from harness.compare.compare import compare_sides
from harness.compare.groups import group_differences
from harness.compare.junit import format_junit
from harness.compare.markdown import format_markdown
from harness.compare.model import Comparison, Section
from harness.compare.page import format_page
from harness.compare.text import format_text
from harness.evidence.document import FolderDocument
from tests.compare.builders import evidence, run, scenario, side, stored, task, versions

HOSTILE = "<script>alert(1)</script> | `x` \x1b[31m\n## title \x00 ]]>"


def read_xml(text: str) -> Element:
    return fromstring(text)  # noqa: S314 - our own output


def hostile() -> Comparison:
    before, after = (scenario(run(xcoms={"t": {HOSTILE: value}}), name=f"a.py::{HOSTILE}") for value in (1, HOSTILE))
    return compare_sides(side(before), side(after))


def test_hostile_texts_do_nothing() -> None:
    comparison = hostile()
    text, markdown = format_text(comparison), format_markdown(comparison)
    assert not {"\x1b", "\x00"} & {*text, *markdown}
    assert "<script" not in markdown
    assert not [line for line in markdown.splitlines() if line.startswith("## title")]
    assert read_xml(format_junit(comparison)).get("failures") == "1"
    assert Comparison.model_validate_json(comparison.model_dump_json()) == comparison


def test_the_same_difference_in_many_scenarios_is_one_line() -> None:
    before, after = (
        [scenario(run(xcoms={"t": {"k": value}}), name=f"a.py::{n}") for n in range(30)] for value in (1, 2)
    )
    (group,) = group_differences(compare_sides(side(*before), side(*after)).differences)
    assert len(group.differences) == 30
    assert group.detail[-1] == "... and 19 more"


def test_many_differences_below_one_field_are_one_line() -> None:
    before = run(objects={"b": {f"part-{n}.csv": stored(str(n)) for n in range(50)}})
    comparison = compare_sides(side(scenario(before)), side(scenario(run(objects={"b": {}}))))
    (group,) = group_differences(comparison.differences)
    assert (group.field, group.message, len(group.detail)) == ("objects.b.*", "50 differences", 11)


def test_twenty_lines_show_the_most_important_differences() -> None:
    def xcoms(value: int) -> dict[str, dict[str, object]]:
        return {f"t{n}": {"k": value + n} for n in range(30)}

    tasks = {"z": task()}, {"z": task("failed")}
    sides = [side(scenario(run(xcoms=xcoms(n), tasks=tasks[n]))) for n in (0, 1)]
    comparison = compare_sides(*sides)
    lines = format_text(comparison).splitlines()
    assert lines[0] == "baseline   side: 1 scenario, airflow 2.11.2, python 3.12.3"
    assert lines[4].startswith("FAILED: 1 scenario compared, 1 regression, ")
    assert lines[5].startswith("  1. regression")
    assert "... and 11 more: --all shows them" in lines
    assert "more: --all" not in format_text(comparison, everything=True)
    assert "... and 11 more: report/index.html shows them" in format_text(comparison, rest_in="report/index.html")


def test_sections_come_before_the_differences() -> None:
    section = Section(title="Forecast", note="not done", header=("finding",), rows=(("schedule_interval",),))
    comparison = hostile().model_copy(update={"sections": (section,), "problems": ("accepted.toml, line 1: expired",)})
    text = format_text(comparison)
    assert text.index("Forecast") < text.index("FAILS  accepted.toml") < text.index("  1. changed")
    assert "### Forecast" in format_markdown(comparison)
    assert read_xml(format_junit(comparison)).get("failures") == "2"


def test_the_columns_of_a_section_are_aligned() -> None:
    rows = (("a", "airflow 2.11.2", "-"), ("candidate", "x"))
    section = Section(title="Sides", header=("side", "versions"), rows=rows)
    lines = format_text(hostile().model_copy(update={"sections": (section,)})).splitlines()
    at = lines.index("Sides")
    assert lines[at + 1 : at + 4] == [
        "  side       versions",
        "  a          airflow 2.11.2  -",
        "  candidate  x",
    ]


def test_a_side_that_can_not_be_compared() -> None:
    comparison = hostile().model_copy(update={"not_comparable": "no environment"})
    assert "not comparable: no environment" in format_text(comparison)
    assert "Not comparable: no environment" in format_markdown(comparison)


@pytest.mark.parametrize(
    ("folder", "line"),
    [
        (None, "not known: a side has no complete list of its DAGs"),
        (FolderDocument(schedules={}), "nothing: the scenarios ran every task of the dags folder on both sides"),
    ],
)
def test_what_was_not_exercised_is_said_also_without_a_task(folder: FolderDocument | None, line: str) -> None:
    one = side(scenario(run()), folder=folder)
    comparison = compare_sides(one, one)
    lines = format_text(comparison).splitlines()
    assert lines[lines.index("Not exercised by these scenarios") + 1] == f"  {line}"
    assert f"- {line}" in format_markdown(comparison)
    assert [each for each in format_page(comparison).splitlines() if each.strip() == f"<p>{line}</p>"]


def test_the_sections_of_sides_that_can_not_be_compared_are_shown() -> None:
    section = Section(title="Forecast", note="not done: no environment")
    comparison = hostile().model_copy(update={"not_comparable": "no environment", "sections": (section,)})
    assert "  not done: no environment" in format_text(comparison).splitlines()
    assert "not done: no environment" in format_markdown(comparison).splitlines()
    assert "<p>not done: no environment</p>" in format_page(comparison)


def test_the_command(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
    (tmp_path / "pyproject.toml").write_text("[tool.harness]\n")
    monkeypatch.chdir(tmp_path)
    for name, value in {"a": 1, "repeat": 1, "b": 2, "c": 1}.items():
        evidence(tmp_path / name, scenario(run(xcoms={"t": {"k": value}})), versions=versions(airflow=f"3.{value}"))
    assert main(["compare", "a", "c"]) == 0
    assert "no unstable fields are known" in capsys.readouterr().out
    assert main(["compare", "a", "c", "b", "--repeat", "repeat", "--json", "out.json", "--html", "p.html"]) == 1
    assert (tmp_path / "a/unstable.json").exists()
    assert Comparison.model_validate_json((tmp_path / "out-2.json").read_text()).differences
    assert not Comparison.model_validate_json((tmp_path / "out.json").read_text()).differences
    assert "FAILED: " in (tmp_path / "p-2.html").read_text()
    assert (
        main(["compare", "--baseline", "a", "--candidate", "b", "--accept", "accepted.toml", "--junit", "j.xml"]) == 1
    )
    assert read_xml((tmp_path / "j.xml").read_text()).get("failures") == "1"
    capsys.readouterr()
    assert main(["compare", "a", "b"]) == 2
    assert "the reason to accept" in capsys.readouterr().err
    entry = (tmp_path / "accepted.toml").read_text().replace('reason = ""', 'reason = "because"')
    (tmp_path / "accepted.toml").write_text(entry)
    assert main(["compare", "a", "b"]) == 0
    assert "2: because" in capsys.readouterr().out
