"""The page of a test session: one HTML file that loads nothing."""

from __future__ import annotations

import json
from typing import Any

from harness.evidence.evidence import Evidence
from harness.html_page import render_page
from harness.report.charts import BOX_HEIGHT, gantt, graph
from harness.report.model import Scenario, Session
from harness.report.sections import stored_objects, version_lines
from harness.run import Run

LOG_LINES = 400
"""Lines of a log on the page; the whole log is in its file."""
OBJECTS, FEW_OBJECTS = 200, 15
"""Maximum number of objects on the page, and of objects that are shown unfolded."""
ROWS = 100
"""Maximum number of a watched table's rows on the page."""
SIGNS = {
    "passed": "✓",
    "failed": "✗",
    "not run": "-",
    "success": "✓",
    "skipped": "↷",
    "upstream_failed": "⊘",
    "up_for_retry": "↻",
}


def page(session: Session) -> str:
    """Return the session as HTML; all data is escaped, and only the page's own script runs."""
    return render_page(
        "harness.report",
        {"size": size, "clock": clock, "pretty": pretty},
        session=session,
        stacks={stack.stack_id: stack for stack in session.stacks},
        versions=version_lines(session.versions),
        signs=SIGNS,
        search_text=search_text,
        gantt=gantt,
        graph=graph,
        log_lines=log_lines,
        stored_objects=stored_objects,
        aws_state=aws_state,
        box_height=BOX_HEIGHT,
        most_objects=OBJECTS,
        few_objects=FEW_OBJECTS,
        most_rows=ROWS,
        cell=cell,
    )


def search_text(scenario: Scenario) -> str:
    """Return the text that the page's filter searches."""
    return " ".join(
        filter(None, (scenario.title, scenario.dags, scenario.dates, scenario.cause, scenario.failure))
    ).lower()


def log_lines(run: Run) -> tuple[str, int]:
    """Return the end of the log, and the number of lines before it."""
    lines = run.log.splitlines()
    return "\n".join(lines[-LOG_LINES:]), max(0, len(lines) - LOG_LINES)


def aws_state(evidence: Evidence) -> dict[str, Any]:
    """Return the AWS mock's state without objects, and each call once.

    The result is empty if the mock holds nothing else.
    """
    found = {name: value for name, value in vars(evidence.aws).items() if name != "objects"}
    found["calls"] = sorted({f"{call['service']} {call['action']} {call['status']}" for call in evidence.aws.calls})
    return found if any(found.values()) else {}


def cell(value: object) -> str:
    """Format a value of a table's row: a text unchanged, null as `NULL`, all else as JSON."""
    if value is None:
        return "NULL"
    return value if isinstance(value, str) else json.dumps(value, ensure_ascii=False)


def size(count: int) -> str:
    """Format a number of bytes, in powers of 1000."""
    amount, unit = float(count), "B"
    for larger in ("kB", "MB", "GB"):
        if amount < 1000:
            break
        amount, unit = amount / 1000, larger
    return f"{count} B" if unit == "B" else f"{amount:.1f} {unit}"


def clock(seconds: float | None) -> str:
    if seconds is None:
        return "-"
    return f"{seconds:.2f} s" if seconds < 10 else f"{seconds:.1f} s"


def pretty(value: object) -> str:
    return json.dumps(value, indent=2, ensure_ascii=False)
