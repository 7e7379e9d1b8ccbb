"""The sections that pytest shows below a scenario's failure, in a fixed order."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from functools import partial

import pytest
from _pytest._code.code import ExceptionRepr, ReprEntryNative, ReprExceptionInfo, ReprFileLocation, ReprTraceback

from harness.evidence.evidence import Evidence
from harness.evidence.objects import StoredObject
from harness.report.model import Part, ReportedRun, Versions
from harness.report.task_log import limit_lines
from harness.shown_text import keep_colours, show_values

PART = "harness_part"
"""Attribute of a pytest report that holds a model.Part as JSON. xdist's workers send it to the controller like a
property, but JUnit's file doesn't include it."""
Section = tuple[str, str]
OBJECTS = 40
SIDECAR_LINES = 15


def failure_sections(part: Part) -> list[Section]:
    """Return the titles and texts of all sections on a failure.

    These are the sections of explain_sections(), the buckets (of the last run), and the versions.
    """
    sections = explain_sections(part)
    if last := _find_last(part):
        sections.append(("what was in the buckets", "\n".join(bucket_lines(last.run.evidence))))
    sections.append(("versions", "\n".join(version_lines(part.versions))))
    return [(title, text) for title, text in sections if text]


def explain_sections(part: Part) -> list[Section]:
    """Return the sections that explain why the last run failed.

    These are the exceptions of the failed tasks, logs, sidecars, and the last lines of the services.
    """
    sections: list[Section] = []
    if last := _find_last(part):
        sections += [(f"exception of task {log.task_id}", log.exception) for log in last.trouble if log.exception]
        sections += _logs(last)
        sections += _sidecars(last.run.evidence)
    return sections + [(f"last lines of {each.name}", "\n".join(each.lines)) for each in part.scenario.services]


def _find_last(part: Part) -> ReportedRun | None:
    return next((one for one in reversed(part.scenario.runs) if one.run.refused is None), None)


def _logs(reported: ReportedRun) -> Iterator[Section]:
    run = reported.run
    for log in reported.trouble:
        whose = f"task {log.task_id}, attempt {log.attempt}, of " if log.task_id else ""
        yield f"log of {whose}{run.dag_id} {run.date} (exit code {run.exit_code})", "\n".join(log.lines)


def _sidecars(evidence: Evidence) -> Iterator[Section]:
    for sidecar in evidence.sidecars:
        lines = limit_lines(sidecar.output.splitlines(), SIDECAR_LINES)
        title = f"sidecar {sidecar.image} (exit code {sidecar.exit_code})"
        yield title, "\n".join(lines) or "(it printed nothing)"


def bucket_lines(evidence: Evidence) -> Sequence[str]:
    """Return lines of objects with sizes, the number of further ones, and empty buckets."""
    found = stored_objects(evidence)
    shown = found[:OBJECTS]
    width = max((len(f"{stored.size:,}") for _, _, stored in shown), default=0)
    lines = [f"{stored.size:>{width},} bytes  {bucket}/{key}" for bucket, key, stored in shown]
    if more := len(found) - len(shown):
        lines.append(f"... and {more} more")
    if empty := [bucket for bucket, objects in _buckets(evidence) if not objects]:
        lines.append(f"empty: {', '.join(empty)}")
    return lines


def stored_objects(evidence: Evidence) -> list[tuple[str, str, StoredObject]]:
    """Return bucket (`minio: data`), key and object of each stored object, MinIO's first."""
    return [(bucket, key, stored) for bucket, objects in _buckets(evidence) for key, stored in sorted(objects.items())]


def _buckets(evidence: Evidence) -> list[tuple[str, Mapping[str, StoredObject]]]:
    stores = {"minio": evidence.objects, "aws": evidence.aws.objects}
    return [(f"{store}: {bucket}", found[bucket]) for store, found in stores.items() for bucket in sorted(found)]


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


def attach_sections(report: pytest.TestReport, part: Part) -> None:
    """Attach the part to pytest's report, and its sections to a failure, also for JUnit."""
    setattr(report, PART, part.model_dump(mode="json"))
    if not report.failed:
        return
    if isinstance(report.longrepr, str):
        report.longrepr = create_failure_repr(report, report.longrepr, report.longrepr)
    if isinstance(report.longrepr, ExceptionRepr):
        for title, text in failure_sections(part):
            report.longrepr.addsection(title, text)


def create_failure_repr(report: pytest.TestReport, text: str, message: str) -> ReprExceptionInfo:
    """Create a failure that shows `text`; summaries show the first line of `message`."""
    path, line, _ = report.location
    first = message.strip().splitlines()[0] if message.strip() else text
    place = ReprFileLocation(path, (line or 0) + 1, first)
    return ReprExceptionInfo(ReprTraceback([ReprEntryNative([text.rstrip() + "\n"])], None, "native"), place)


def clean_report(report: pytest.TestReport, show: Callable[[str], str], *, colours: bool) -> None:
    """Apply `show` to everything of the report that pytest shows or writes to JUnit's file.

    `colours`: the terminal has colours, and so does pytest's own text, such as a difference.
    """
    if colours:
        show = partial(keep_colours, show=show)
    report.sections = [(title, show(text)) for title, text in report.sections]
    report.user_properties[:] = [(name, show_values(value, show)) for name, value in report.user_properties]
    if report.passed:
        return
    plain = report._to_json()  # as xdist's workers send it
    shown = show_values(plain["longrepr"], show)
    if shown != plain["longrepr"]:
        report.longrepr = pytest.TestReport._from_json({**plain, "longrepr": shown}).longrepr
