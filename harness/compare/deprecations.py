"""Deprecation warnings in a side's evidence: a section of an upgrade check's report."""

from __future__ import annotations

import re
from typing import Final

from harness.compare.model import Section
from harness.compare.read import Side
from harness.evidence.document import WarningDocument

DEPRECATIONS: Final = "Forecast: deprecations that the baseline warns of"
DEPRECATION: Final = re.compile(r"Deprecat|RemovedIn|PendingDeprecation")


def list_deprecations(baseline: Side) -> Section:
    """Return each deprecation once, with the number of scenarios that show it.

    The number is 0 for warnings of files whose DAGs no scenario ran.
    """
    seen: dict[tuple[str, str], set[str]] = {}
    for warning in baseline.folder.warnings if baseline.folder else ():
        if _is_deprecation(warning):
            seen.setdefault((f"{warning.file}:{warning.line}", warning.text), set())
    for scenario in baseline.scenarios.values():
        for run in scenario.runs:
            for warning in run.warnings:
                if _is_deprecation(warning):
                    place = f"{warning.file}:{warning.line}" if warning.file else "-"
                    seen.setdefault((place, warning.text), set()).add(scenario.scenario)
    rows = tuple((place, text, str(len(names))) for (place, text), names in sorted(seen.items()))
    if not rows:
        return Section(title=DEPRECATIONS, note="nothing found")
    return Section(title=DEPRECATIONS, header=("where", "warning", "scenarios"), rows=rows)


def _is_deprecation(warning: WarningDocument) -> bool:
    """Return whether a warning is a deprecation, by class or, for a UserWarning, by text.

    Airflow 3.3 repeats each warning of an imported DAG file as a UserWarning and so loses its class.
    """
    return bool(DEPRECATION.search(warning.category)) or (
        warning.category == "UserWarning" and "deprecated" in warning.text.lower()
    )
