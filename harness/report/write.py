"""The files of a report: the page, report.json, summary.md, logs and evidence."""

from __future__ import annotations

import re
from pathlib import Path

from pydantic_core import to_json

from harness.output import output_errors, write
from harness.report.markdown import summary
from harness.report.model import ReportedRun, Scenario, Session

REPORT = "the report"
FILES = "files"
"""The folder of logs and evidence. Only files whose names match OURS are removed from it."""
OURS = re.compile(r"\d{3}-[\w.-]+-run-\d+-(log\.txt|evidence\.json)")


def write_report(session: Session, folder: Path) -> Path:
    """Write the report over an earlier one; return the page's path. Raises OutputError."""
    from harness.report.page import page  # imports jinja2, which few sessions need

    with output_errors(REPORT, folder):
        files = folder / FILES
        files.mkdir(parents=True, exist_ok=True)
        for file in files.iterdir():
            if OURS.fullmatch(file.name):
                file.unlink()
        scenarios = tuple(_with_files(one, number, folder) for number, one in enumerate(session.scenarios, start=1))
        linked = session.model_copy(update={"scenarios": scenarios})
        write(folder / "report.json", linked.model_dump_json(indent=1))
        write(folder / "summary.md", summary(linked))
        write(folder / "index.html", page(linked))
    return folder / "index.html"


def append_summary(session: Session, file: Path) -> None:
    """Append the Markdown summary to a file such as $GITHUB_STEP_SUMMARY. Raises OutputError."""
    with output_errors(REPORT, file), file.open("a", encoding="utf-8") as out:
        out.write(summary(session) + "\n")


def _with_files(scenario: Scenario, number: int, folder: Path) -> Scenario:
    stem = f"{number:03}-{re.sub(r'[^A-Za-z0-9]+', '-', scenario.title).strip('-')[:60] or 'scenario'}"
    runs = (_with_run_files(one, f"{stem}-run-{count}", folder) for count, one in enumerate(scenario.runs, start=1))
    return scenario.model_copy(update={"runs": tuple(runs)})


def _with_run_files(reported: ReportedRun, stem: str, folder: Path) -> ReportedRun:
    if reported.run.refused is not None:
        return reported
    names = {"evidence_file": f"{FILES}/{stem}-evidence.json"}
    (folder / names["evidence_file"]).write_bytes(to_json(reported.run.evidence, indent=1))
    if reported.run.log:
        names["log_file"] = f"{FILES}/{stem}-log.txt"
        (folder / names["log_file"]).write_text(reported.run.log, encoding="utf-8")
    return reported.model_copy(update=names)
