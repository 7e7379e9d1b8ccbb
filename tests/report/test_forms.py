"""The report's formats except the page: JSON, Markdown, files, and pytest's sections."""

from __future__ import annotations

import json
import os
import re
from pathlib import Path

import pytest

from harness.errors import OutputError
from harness.output import check_folder
from harness.report.markdown import LONGEST, fenced, summary
from harness.report.model import SCHEMA_VERSION, Part, Session, TaskLog
from harness.report.sections import bucket_lines, failure_sections
from harness.report.write import append_summary, write_report
from tests.report.sessions import HOSTILE, a_session, failed_run, reported


def part(number: int = 0) -> Part:
    session = a_session()
    return Part(scenario=session.scenarios[number], stack=session.stacks[0], versions=session.versions)


def test_a_session_survives_json() -> None:
    text = a_session().model_dump_json()
    assert json.loads(text)["schema_version"] == SCHEMA_VERSION == 2
    assert Session.model_validate_json(text) == a_session()


def test_the_sections_of_a_failure_and_their_order() -> None:
    assert [title for title, _ in failure_sections(part())] == [
        "exception of task crunch",
        "log of task crunch, attempt 2, of inside_airbnb 2021-01-01 (exit code 1)",
        "log of task copy[1], attempt 1, of inside_airbnb 2021-01-01 (exit code 1)",
        "sidecar cruncher:1 (exit code 7)",
        "last lines of minio",
        "what was in the buckets",
        "versions",
    ]


def test_a_refused_run_has_the_sections_that_apply() -> None:
    assert [title for title, _ in failure_sections(part(2))] == ["versions"]


def test_the_list_of_objects_is_bounded() -> None:
    lines = bucket_lines(failed_run().evidence)
    assert lines[0].startswith("9,000 bytes  minio: data/results/")
    assert lines[1] == "    0 bytes  aws: models/digits/0"
    assert lines[-2:] == ["... and 211 more", "empty: minio: spare"]
    assert len(lines) == 42


def test_the_summary_has_the_table_and_each_failures_log() -> None:
    text = summary(a_session())
    assert "2 failed" in text
    rows = [line for line in text.splitlines() if line.startswith("| ") and "---" not in line]
    assert len(rows) == 5
    assert all(len(re.findall(r"(?<!\\)\|", row)) == 6 for row in rows), "nothing in a cell ends it"
    assert "not run: needs a Docker engine" in text
    assert "ValueError: " in text
    outside = re.sub(r"```text\n.*?\n```", "", text, flags=re.S)
    assert "<script>" not in outside


def test_a_fence_is_longer_than_fences_in_its_text() -> None:
    assert fenced("a\n```\nb") == "````text\na\n```\nb\n````"
    assert fenced("`````") == "``````text\n`````\n``````"


def test_a_long_summary_counts_omitted_failures() -> None:
    session = a_session()
    run = reported(failed_run(), TaskLog(task_id="x", attempt=1, lines=("y" * 100_000,)))
    failed = session.scenarios[0].model_copy(update={"runs": (run,)})
    text = summary(session.model_copy(update={"scenarios": (failed,) * 10}))
    assert len(text) < LONGEST + 10_000
    assert "7 more failures are not shown here." in text


def test_the_files_of_a_report(tmp_path: Path) -> None:
    folder = tmp_path / "a" / "b"
    check_folder("--harness-report", folder)
    (folder / "files").mkdir()
    (folder / "files" / "mine.txt").write_text("not the report's")
    assert write_report(a_session(), folder) == folder / "index.html"
    session = Session.model_validate_json((folder / "report.json").read_text())
    run = session.scenarios[0].runs[1]
    assert run.log_file
    assert run.evidence_file
    assert (folder / run.log_file).read_text() == failed_run().log
    assert json.loads((folder / run.evidence_file).read_text())["sidecars"][0]["exit_code"] == 7
    assert f'href="{run.log_file}"' in (folder / "index.html").read_text()

    write_report(a_session().model_copy(update={"scenarios": ()}), folder)
    assert [file.name for file in (folder / "files").iterdir()] == ["mine.txt"], (
        "only the report's old files are removed"
    )
    assert sorted(file.name for file in folder.iterdir()) == ["files", "index.html", "report.json", "summary.md"]


@pytest.mark.parametrize("name", ["file", "file/below", "/sys/no-such-folder"])
def test_an_unwritable_folder_is_refused_in_one_line(tmp_path: Path, name: str) -> None:
    (tmp_path / "file").write_text("in the way")
    with pytest.raises(OutputError) as refused:
        check_folder("--harness-report", tmp_path / name)
    assert "\n" not in str(refused.value)
    assert str(refused.value).startswith(f"--harness-report can't be written to {tmp_path / name} (")


def test_a_folder_without_permission_is_refused(tmp_path: Path) -> None:
    tmp_path.chmod(0o500)
    mine = os.geteuid()
    if mine == 0:  # Root can write to any folder.
        os.seteuid(65534)
    try:
        with pytest.raises(OutputError, match="Permission denied"):
            check_folder("--harness-report", tmp_path / "report")
    finally:
        os.seteuid(mine)


def test_a_full_disk_leaves_the_old_page(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    write_report(a_session(), tmp_path)
    before = (tmp_path / "index.html").read_text()
    write_text = Path.write_text

    def full(self: Path, text: str, encoding: str | None = None) -> int:
        if self.suffix != ".partial" or "<html" not in text:
            return write_text(self, text, encoding)
        write_text(self, text[:100], encoding)
        raise OSError(28, "No space left on device", str(self))

    monkeypatch.setattr(Path, "write_text", full)
    with pytest.raises(OutputError, match="No space left on device"):
        write_report(a_session().model_copy(update={"scenarios": ()}), tmp_path)
    assert (tmp_path / "index.html").read_text() == before
    assert not list(tmp_path.glob(".index*"))


def test_a_summary_is_appended(tmp_path: Path) -> None:
    file = tmp_path / "summary"
    file.write_text("of another step\n")
    append_summary(a_session(), file)
    assert file.read_text().startswith("of another step\n## Airflow scenarios\n")
    with pytest.raises(OutputError):
        append_summary(a_session(), tmp_path)


def test_hostile_text_contains_markup() -> None:
    """Other tests rely on this."""
    assert "</script><script>" in HOSTILE
    assert all(sign in HOSTILE for sign in "<>&\"'")
