"""The session in Markdown, for GitHub's job summary: the table and the failures' logs."""

from __future__ import annotations

import re
from collections.abc import Iterator

from harness.report.model import Scenario, Session
from harness.report.sections import version_lines

LONGEST = 400_000
"""Characters. GitHub accepts one megabyte for each step, and drops a longer summary entirely."""
MARKS = {"passed": "✅ passed", "failed": "❌ failed", "not run": "⏭️ not run"}


def summary(session: Session) -> str:
    """Return Markdown of about LONGEST characters at most; further failures are counted."""
    counts = ", ".join(f"{number} {kind}" for kind in MARKS if (number := session.count(kind)))  # type: ignore[arg-type]
    lines = ["## Airflow scenarios", "", f"{counts} in {session.seconds:.0f} s", ""]
    lines += ["| scenario | DAG | date | result | seconds |", "|---|---|---|---|---:|"]
    lines += [_row(scenario) for scenario in session.scenarios]
    failed = [scenario for scenario in session.scenarios if scenario.outcome == "failed"]
    length = sum(map(len, lines))
    for number, scenario in enumerate(failed):
        detail = list(_failure(scenario))
        length += sum(map(len, detail))
        if length > LONGEST:
            lines += ["", f"{len(failed) - number} more failures are not shown here."]
            break
        lines += detail
    lines += [f"- {escape_text(remark)}" for remark in session.remarks]
    return "\n".join([*lines, "", *(f"{escape_text(line)}  " for line in version_lines(session.versions))]) + "\n"


def _row(scenario: Scenario) -> str:
    result = MARKS[scenario.outcome]
    if scenario.reason:
        result += f": {scenario.reason}"
    cells = (scenario.title, scenario.dags, scenario.dates, result, f"{scenario.seconds:.1f}")
    return f"| {' | '.join(escape_text(cell) for cell in cells)} |"


def _failure(scenario: Scenario) -> Iterator[str]:
    yield from ("", f"### ❌ {escape_text(scenario.title)}", "", escape_text(scenario.failure or "(no message)"))
    for one in scenario.runs:
        run = one.run
        for log in one.trouble if run.failure else ():
            whose = f"task {log.task_id}, attempt {log.attempt}, of " if log.task_id else ""
            yield from ("", escape_text(f"log of {whose}{run.dag_id} {run.date}:"), "", fenced("\n".join(log.lines)))


def fenced(text: str) -> str:
    """Return a code block whose fence is longer than any fence inside `text`."""
    longest = max((len(run) for run in re.findall(r"`+", text)), default=0)
    fence = "`" * max(3, longest + 1)
    return f"{fence}text\n{text}\n{fence}"


def escape_text(text: str) -> str:
    """Return one line with Markdown and HTML escaped."""
    line = " ".join(text.split())
    line = line.replace("&", "&amp;").replace("<", "&lt;").replace(">", "&gt;")
    return re.sub(r"([\\`*_{}\[\]#|~@])", r"\\\1", line)
