"""The upgrade check: the same scenarios on the baseline, on the candidate and on the baseline again; then compare."""

from __future__ import annotations

import tempfile
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from harness.compare.accepted import Accepted
from harness.compare.compare import compare_sides
from harness.compare.model import Comparison, Section, SideSummary
from harness.compare.read import read_side
from harness.errors import HarnessError
from harness.evidence.document import Versions
from harness.progress import Progress
from harness.services.session import ServiceSession
from harness.settings import Settings
from harness.upgrade.forecast import Forecast, list_deprecations
from harness.upgrade.migration import Migration, as_differences, as_section, migrate_in_session
from harness.upgrade.services import share_services
from harness.upgrade.sides import Scenarios, Side, SideRun, run_side
from harness.version import own_version


@dataclass(frozen=True)
class Plan:
    """What is checked. `folder` receives the evidence of the sides; `accepted` has the accepted differences."""

    settings: Settings
    baseline: Side
    candidate: Side
    scenarios: Scenarios
    folder: Path
    repeat: bool = True
    accepted: Accepted | None = None


@dataclass(frozen=True)
class Observed:
    """The sides' sessions, `again` the repeat of the baseline, and the migration of a database of the baseline."""

    baseline: SideRun
    candidate: SideRun
    again: SideRun | None
    migration: Migration


def check_upgrade(plan: Plan, forecast: Forecast, progress: Progress) -> Comparison:
    """Run A, B and A again, migrate a database of A to B, and compare what the DAGs did.

    A side that fails as a whole is a result: the evidence of the other side stays, and the comparison says why.
    """
    with tempfile.TemporaryDirectory() as folder, share_services(plan.settings.root) as services_of:
        dump = Path(folder, "metadata.dump")

        def run(side: Side, name: str, what: str, *more: str) -> SideRun:
            return run_side(side, plan.scenarios, plan.folder / name, services_of(side), progress, what, more)

        first = run(plan.baseline, "a", "A, the baseline", f"--harness-keep-metadata={dump}")
        candidate = run(plan.candidate, "b", "B, the candidate")
        comparable = not (first.failed or candidate.failed)
        again = run(plan.baseline, "a-repeat", "A again, for the noise") if plan.repeat and comparable else None
        migration = migrate(dump, plan, services_of, progress) if comparable else Migration(not_done="a side failed")
    return compare(plan, Observed(first, candidate, again, migration), forecast)


def migrate(
    dump: Path, plan: Plan, services_of: Callable[[Side], ServiceSession], progress: Progress
) -> Migration:
    """Migrate the baseline's database, unless there is nothing to migrate or the candidate can't."""
    if not dump.exists():
        return Migration(not_done="no scenario of the baseline ran a DAG to its end")
    options = [*plan.candidate.options(), f"--harness-borrowed-session={services_of(plan.candidate).run}"]
    progress.step("metadata database", "migrating")
    try:
        return migrate_in_session(dump, plan.settings.root, options, progress)
    except HarnessError as error:
        return Migration(not_done=str(error))
    finally:
        progress.step("metadata database", "done", last=True)


def compare(plan: Plan, observed: Observed, forecast: Forecast) -> Comparison:
    """Return the comparison of the evidence, with the forecast before it."""
    first, candidate = observed.baseline, observed.candidate
    failures = [f"{run.side.title} failed: {run.failed}" for run in (first, candidate) if run.failed]
    if failures:
        summaries = [summarise(run) for run in (first, candidate)]
        return Comparison(
            baseline=summaries[0],
            candidate=summaries[1],
            sections=forecast.sections,
            not_comparable="; ".join(failures),
        )
    baseline = read_side([first.evidence])
    repeat = read_side([observed.again.evidence]) if observed.again and not observed.again.failed else None
    compared = compare_sides(baseline, read_side([candidate.evidence]), repeat, plan.accepted)
    deprecations = list_deprecations(baseline.scenarios.values())
    sections = (*forecast.sections, deprecations, as_section(observed.migration), *compared.sections)
    differences = (*as_differences(observed.migration), *compared.differences)
    return compared.model_copy(update={"sections": sections, "differences": differences})


def summarise(run: SideRun) -> SideSummary:
    """Return the summary of a side that may have failed before it left evidence."""
    try:
        return read_side([run.evidence]).summary()
    except HarnessError:
        return SideSummary(label=str(run.evidence), versions=Versions(harness=own_version()), scenarios=0)
