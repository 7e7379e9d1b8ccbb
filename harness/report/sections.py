"""What pytest shows below a failed scenario's own failure. Its order is fixed, and it ends with the versions."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence

import pytest
from _pytest._code.code import ExceptionRepr, ReprEntryNative, ReprExceptionInfo, ReprFileLocation, ReprTraceback

from harness.report.model import Evidence, Part, Run, Versions
from harness.report.task_log import bounded

PART = "harness_part"
"""The attribute of a pytest report that carries a model.Part as JSON. Like a property it travels from xdist's workers,
and unlike one it stays out of JUnit's file."""
Section = tuple[str, str]
OBJECTS = 40
SIDECAR_LINES = 15


def failure_sections(part: Part) -> list[Section]:
    """Titles and texts: the failing task's log, sidecars, services, buckets (all of the last run), versions."""
    sections: list[Section] = []
    run = next((run for run in reversed(part.scenario.runs) if not run.refused), None)
    if run:
        sections += _logs(run)
        sections += _sidecars(run.evidence)
    sections += [(f"last lines of {service.name}", "\n".join(service.lines)) for service in part.scenario.services]
    if run and run.evidence:
        sections.append(("what was in the buckets", "\n".join(bucket_lines(run.evidence))))
    sections.append(("versions", "\n".join(version_lines(part.versions))))
    return [(title, text) for title, text in sections if text]


def _logs(run: Run) -> Iterator[Section]:
    for log in run.trouble:
        whose = f"task {log.task_id}, attempt {log.attempt}, of " if log.task_id else ""
        yield f"log of {whose}{run.dag_id} {run.date} (exit code {run.exit_code})", "\n".join(log.lines)


def _sidecars(evidence: Evidence | None) -> Iterator[Section]:
    for sidecar in evidence.sidecars if evidence else ():
        lines = bounded(sidecar.output.splitlines(), SIDECAR_LINES)
        title = f"sidecar {sidecar.image} (exit code {sidecar.exit_code})"
        yield title, "\n".join(lines) or "(it printed nothing)"


def bucket_lines(evidence: Evidence) -> Sequence[str]:
    """One line for each object, with its size in bytes; how many more there are; and the buckets that are empty."""
    shown = evidence.objects[:OBJECTS]
    width = max((len(f"{one.size:,}") for one in shown), default=0)
    lines = [f"{one.size:>{width},} bytes  {one.store}: {one.bucket}/{one.key}" for one in shown]
    if more := len(evidence.objects) - len(shown):
        lines.append(f"... and {more} more")
    filled = {f"{one.store}: {one.bucket}" for one in evidence.objects}
    if empty := [bucket for bucket in evidence.buckets if bucket not in filled]:
        lines.append(f"empty: {', '.join(empty)}")
    return lines


def version_lines(versions: Versions) -> Sequence[str]:
    providers = [
        f"{name.removeprefix('apache-airflow-providers-')} {version}" for name, version in versions.providers.items()
    ]
    lines = [f"Airflow {versions.airflow}, Python {versions.python}, harness {versions.harness}"]
    if providers:
        lines.append(f"providers: {', '.join(providers)}")
    if versions.images:
        lines.append(f"images: {', '.join(f'{name} {image.version}' for name, image in versions.images.items())}")
    return lines


def attach(report: pytest.TestReport, part: Part) -> None:
    """Gives the part to pytest's report, and puts the sections below a failure, from where they come into JUnit too."""
    setattr(report, PART, part.model_dump(mode="json"))
    if not report.failed:
        return
    if isinstance(report.longrepr, str):
        report.longrepr = told(report, report.longrepr, report.longrepr)
    if isinstance(report.longrepr, ExceptionRepr):
        for title, text in failure_sections(part):
            report.longrepr.addsection(title, text)


def told(report: pytest.TestReport, text: str, message: str) -> ReprExceptionInfo:
    """`text` in place of a traceback; the first line of `message` is shown in pytest's summary and JUnit's message."""
    path, line, _ = report.location
    first = message.strip().splitlines()[0] if message.strip() else text
    place = ReprFileLocation(path, (line or 0) + 1, first)
    return ReprExceptionInfo(ReprTraceback([ReprEntryNative([text.rstrip() + "\n"])], None, "native"), place)


def mask_report(report: pytest.TestReport, mask: Callable[[str], str]) -> None:
    """Takes the stack's secrets out of all that a report shows or writes to JUnit."""
    report.sections = [(title, mask(text)) for title, text in report.sections]
    report.user_properties[:] = [
        (name, mask(value) if isinstance(value, str) else value) for name, value in report.user_properties
    ]
    shown = report.longreprtext
    crash = getattr(report.longrepr, "reprcrash", None)
    if report.failed and mask(shown) != shown:
        report.longrepr = told(report, mask(shown), mask(crash.message if crash else shown))
