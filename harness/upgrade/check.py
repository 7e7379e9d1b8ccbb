"""The upgrade check: run the same scenarios on both sides, then compare.

The scenarios run on the baseline, on the candidate and on the baseline again.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from dataclasses import dataclass, replace
from pathlib import Path

from harness.airflow.dagbag import DagBag
from harness.compare.accepted import Accepted
from harness.compare.compare import compare_sides, learn_unstable
from harness.compare.deprecations import DEPRECATIONS, list_deprecations
from harness.compare.model import Comparison, Section, SideSummary, UpgradeDocument
from harness.compare.read import UPGRADE_FILE, read_side
from harness.compare.read import Side as Evidence
from harness.dag_reading import read_dags
from harness.errors import HarnessError
from harness.evidence.document import SESSION_FILE, SessionDocument, Versions
from harness.output import output_errors, write
from harness.progress import Progress, announce
from harness.services.session import ServiceSession
from harness.settings import Settings
from harness.upgrade.every_dag import write_scenarios
from harness.upgrade.forecast import Forecast, make_forecast, not_done
from harness.upgrade.migration import Migration, as_differences, as_section, choose_command, migrate_in_session
from harness.upgrade.prepare import describe_sides, find_airflow_of
from harness.upgrade.services import share_services
from harness.upgrade.sides import Scenarios, Side, SideRun, run_side
from harness.version import own_version

ServicesOf = Callable[[Side], ServiceSession]
NOT_STARTED = re.compile(r"(\w+\.)*(EngineError|ImageError|ServiceError|SettingsError): ")
"""A failure of a scenario whose services or Airflow could not be started."""


@dataclass(frozen=True)
class Plan:
    """What is checked.

    `folder` is that of the report, whose folder `evidence` receives the evidence of the sides. With `date` every DAG
    runs instead of the project's scenarios. `repeat`: run the baseline twice. `accepted`: the accepted differences.
    """

    settings: Settings
    baseline: Side
    candidate: Side
    scenarios: Scenarios
    folder: Path
    date: str | None = None
    repeat: bool = True
    accepted: Accepted | None = None

    @property
    def evidence(self) -> Path:
        return self.folder / "evidence"


@dataclass(frozen=True)
class Observed:
    """The runs of an upgrade check, and the migration of the baseline's metadata database.

    `again` is the repeat of the baseline.
    """

    baseline: SideRun
    candidate: SideRun
    again: SideRun | None
    migration: Migration


def check_upgrade(plan: Plan, progress: Progress) -> Comparison:
    """Forecast, run both sides, migrate a database, and compare what the DAGs did.

    The baseline runs, then the candidate, then the baseline again. The migration moves a database of the baseline to
    the candidate. A side that fails as a whole is a result: the evidence of the other side stays, and the comparison
    says why.
    """
    with share_services(plan.settings.root) as services_of:
        forecast = predict(plan, progress)
        # `harness clean` and later sessions remove the folder of a session whose process was killed.
        folder = services_of(plan.baseline).folder
        plan = find_scenarios(plan, forecast, folder)
        observed = observe(plan, folder / "metadata.dump", services_of, progress)
    return compare(plan, forecast, observed)


def predict(plan: Plan, progress: Progress) -> Forecast:
    """Return what the candidate's Airflow says of the project before anything runs."""
    airflow, why_not = find_airflow_of(plan.candidate, plan.settings)
    with announce(progress, "forecast", "reading the DAGs and settings with the candidate"):
        return make_forecast(airflow, settings_of(plan.candidate, plan.settings), why_not)


def find_scenarios(plan: Plan, forecast: Forecast, folder: Path) -> Plan:
    """Return the plan with a scenario for each DAG that either side reads, if it has a date.

    If neither side reads a DAG, both sides have failed and say why.
    """
    if plan.date is None:
        return plan
    before, why_baseline = read_dag_ids(plan.baseline, plan.settings)
    after, why_candidate = read_dag_ids(plan.candidate, plan.settings, forecast.dags)
    dag_ids = before | after
    if not dag_ids:
        baseline, candidate = (
            replace(side, failed=side.failed or why)
            for side, why in ((plan.baseline, why_baseline), (plan.candidate, why_candidate))
        )
        return replace(plan, baseline=baseline, candidate=candidate)
    root, options = plan.settings.root, plan.scenarios.arguments
    every = write_scenarios(dag_ids, plan.date, folder, root)
    return replace(plan, scenarios=Scenarios(root, (*every.arguments, *options)))


def read_dag_ids(side: Side, settings: Settings, bag: DagBag | None = None) -> tuple[set[str], str]:
    """Return the DAGs that the side's Airflow reads, or why it reads none.

    `bag`: the DAGs, if Airflow has read them already.
    """
    own = settings_of(side, settings)
    if bag is None:
        airflow, why_not = find_airflow_of(side, settings)
        if airflow is None:
            return set(), why_not
        try:
            bag = read_dags(airflow, own)
        except HarnessError as error:
            return set(), str(error)
    return set(bag.dags), "" if bag.dags else f"its Airflow reads no DAG in {own.dags_folder}"


def observe(plan: Plan, dump: Path, services_of: ServicesOf, progress: Progress) -> Observed:
    """Run A, B and A again, and migrate a metadata database of A to B."""

    def run(side: Side, name: str, what: str, *more: str) -> SideRun:
        return run_side(side, plan.scenarios, plan.evidence / name, services_of(side), progress, what, more)

    first = run(plan.baseline, "a", "A, the baseline", f"--harness-keep-metadata={dump}")
    candidate = run(plan.candidate, "b", "B, the candidate")
    if first.failed or candidate.failed:
        return Observed(first, candidate, None, Migration(not_done="a side failed"))
    again = run(plan.baseline, "a-repeat", "A again, for the noise") if plan.repeat else None
    return Observed(first, candidate, again, migrate(plan, dump, first, candidate, services_of, progress))


def migrate(
    plan: Plan, dump: Path, first: SideRun, candidate: SideRun, services_of: ServicesOf, progress: Progress
) -> Migration:
    """Move the baseline's database to the candidate's Airflow, unless there is nothing to do."""
    if not dump.exists():
        return Migration(not_done="the baseline executed no run")
    chosen = choose_command(*(read_versions(run.evidence) for run in (first, candidate)))
    if chosen is None:
        return Migration(not_done="both sides have the same packages of Airflow")
    side, command = plan.baseline if chosen[0] == "baseline" else plan.candidate, chosen[1]
    borrow = f"--harness-borrowed-session={services_of(side).run}"
    given = [option for option in plan.scenarios.arguments if option.startswith("--harness-")]
    options = [*given, *side.options(), borrow]
    try:
        with announce(progress, "metadata database", f"airflow {' '.join(command)}"):
            return migrate_in_session(dump, command, plan.settings.root, options, progress)
    except HarnessError as error:
        return Migration(not_done=str(error))


def compare(plan: Plan, forecast: Forecast, observed: Observed) -> Comparison:
    """Return the comparison of the evidence, with the forecast and the migration beside it."""
    sections = (describe_sides((plan.baseline, plan.candidate)), *forecast.sections)
    runs = (observed.baseline, observed.candidate)
    if not any(run.failed for run in runs):
        keep_findings(observed, sections)
    baseline, candidate = sides = tuple(read_evidence(run) for run in runs)
    reasons = [run.failed or explain_nothing(run.side, side) for run, side in zip(runs, sides, strict=True)]
    failures = [f"{run.side.title}: {reason}" for run, reason in zip(runs, reasons, strict=True) if reason]
    if failures or baseline is None or candidate is None:
        deprecations = not_done(DEPRECATIONS, str(reasons[0]))
        if baseline and not reasons[0]:
            deprecations = list_deprecations(baseline)
        return Comparison(
            baseline=summarise(runs[0], baseline),
            candidate=summarise(runs[1], candidate),
            sections=(*sections, deprecations, as_section(observed.migration)),
            not_comparable="; ".join(failures),
        )
    again = observed.again
    repeat = read_side([again.evidence], every_shard=False) if again and not again.failed else None
    return compare_sides(baseline, candidate, None, plan.accepted, learn_unstable(baseline, repeat))


def keep_findings(observed: Observed, sections: tuple[Section, ...]) -> None:
    """Keep the sections and the migration's findings beside the candidate's evidence.

    A comparison reads them there.
    """
    sections = (*sections, as_section(observed.migration))
    if observed.again and observed.again.failed:
        sections = (*sections, Section(title="Repeat of the baseline", note=f"failed: {observed.again.failed}"))
    document = UpgradeDocument(sections=sections, differences=as_differences(observed.migration))
    file = observed.candidate.evidence / UPGRADE_FILE
    with output_errors("the evidence", file):
        write(file, document.model_dump_json(indent=1) + "\n")


def read_evidence(run: SideRun) -> Evidence | None:
    """Return the evidence of a side; None if the side failed before it left any."""
    try:
        return read_side([run.evidence], every_shard=False)
    except HarnessError:
        if run.failed:
            return None
        raise


def explain_nothing(side: Side, evidence: Evidence | None) -> str | None:
    """Return why no scenario of the side ran a DAG, if so: then nothing can be a regression.

    On the candidate only what could not be started counts, because a test that fails before its run is a regression.
    """
    scenarios = evidence.scenarios.values() if evidence else ()
    if any(one.outcome == "passed" or one.runs for one in scenarios):
        return None
    reasons = [(one.failure or one.reason or "").strip().splitlines() for one in scenarios]
    firsts = [lines[0] for lines in reasons if lines]
    if side.name == "candidate" and not (firsts and all(map(NOT_STARTED.match, firsts))):
        return None
    return f"no scenario ran a DAG: {firsts[0] if firsts else 'it has no scenario'}"


def read_versions(evidence: Path) -> Versions:
    """Return the versions of a side from the document of its session."""
    return SessionDocument.model_validate_json((evidence / SESSION_FILE).read_bytes()).versions


def settings_of(side: Side, settings: Settings) -> Settings:
    """Return the settings with which the side runs."""
    folder = {"dags_folder": side.dags_folder, "around": side.around} if side.dags_folder else {}
    return settings.of_side(side.name).model_copy(update=folder)


def summarise(run: SideRun, evidence: Evidence | None) -> SideSummary:
    """Return the summary of a side that may have failed before it left evidence."""
    if evidence is not None:
        return evidence.summary()
    return SideSummary(label=str(run.evidence), versions=Versions(harness=own_version()), scenarios=0)
