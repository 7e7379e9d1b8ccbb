"""The upgrade check: the same scenarios on the baseline, on the candidate and on the baseline again; then compare."""

from __future__ import annotations

import re
from collections.abc import Callable
from dataclasses import dataclass, replace
from pathlib import Path

from harness.compare.accepted import Accepted
from harness.compare.compare import compare_sides, find_unstable
from harness.compare.model import Comparison, Section, SideSummary
from harness.compare.read import Side as Evidence
from harness.compare.read import read_side
from harness.compare.unstable import UnstableFields, read_unstable, write_unstable
from harness.dag_reading import read_dags
from harness.errors import HarnessError, SettingsError
from harness.evidence.document import SESSION_FILE, SessionDocument, Versions
from harness.progress import Progress, announce
from harness.services.session import ServiceSession
from harness.settings import Settings
from harness.upgrade.every_dag import write_scenarios
from harness.upgrade.forecast import Forecast, list_deprecations, make_forecast
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
    """What ran: the two sides, the repeat of the baseline, and the migration of the baseline's metadata database."""

    baseline: SideRun
    candidate: SideRun
    again: SideRun | None
    migration: Migration


def check_upgrade(plan: Plan, progress: Progress) -> Comparison:
    """Forecast, run A, B and A again, migrate a database of A to B, and compare what the DAGs did.

    A side that fails as a whole is a result: the evidence of the other side stays, and the comparison says why.
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
    """Return the plan with a scenario for each DAG that either side reads, if it has a date."""
    if plan.date is None:
        return plan
    airflow, _ = find_airflow_of(plan.baseline, plan.settings)
    bags = [forecast.dags, read_dags(airflow, settings_of(plan.baseline, plan.settings)) if airflow else None]
    dag_ids = {dag_id for bag in bags if bag for dag_id in bag.dags}
    if not dag_ids:
        raise SettingsError(f"--date {plan.date}: neither side reads a DAG in {plan.settings.dags_folder}")
    root, options = plan.settings.root, plan.scenarios.arguments
    every = write_scenarios(dag_ids, plan.date, folder, root)
    return replace(plan, scenarios=Scenarios(root, (*every.arguments, *options)))


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
    if failures := [f"{run.side.title}: {reason}" for run in runs if (reason := run.failed or explain_nothing(run))]:
        return Comparison(
            baseline=summarise(observed.baseline),
            candidate=summarise(observed.candidate),
            sections=sections,
            not_comparable="; ".join(failures),
        )
    baseline, candidate = (read_side([run.evidence], every_shard=False) for run in runs)
    unstable = learn_unstable(plan, baseline, observed.again)
    compared = compare_sides(
        baseline, candidate, None, plan.accepted, unstable, more=as_differences(observed.migration)
    )
    deprecations = list_deprecations(baseline.scenarios.values(), baseline.folder)
    sections = (*sections, deprecations, as_section(observed.migration))
    if observed.again and observed.again.failed:
        sections = (*sections, Section(title="Repeat of the baseline", note=f"failed: {observed.again.failed}"))
    return compared.model_copy(update={"sections": (*sections, *compared.sections)})


def learn_unstable(plan: Plan, baseline: Evidence, again: SideRun | None) -> UnstableFields | None:
    """Return what differs between the baseline and its repeat, else what an earlier check of it has learned."""
    if again is None or again.failed:
        return read_unstable(plan.evidence, frozenset(baseline.scenarios))
    unstable = find_unstable(baseline, read_side([again.evidence], every_shard=False))
    write_unstable(plan.evidence, unstable)
    return unstable


def explain_nothing(run: SideRun) -> str | None:
    """Return why no scenario of the side ran a DAG, if so: then nothing can be a regression.

    On the candidate only what could not be started counts, because a test that fails before its run is a regression.
    """
    scenarios = read_side([run.evidence], every_shard=False).scenarios.values()
    if any(one.outcome == "passed" or one.runs for one in scenarios):
        return None
    reasons = [(one.failure or one.reason or "").strip().splitlines() for one in scenarios]
    firsts = [lines[0] for lines in reasons if lines]
    if run.side.name == "candidate" and not (firsts and all(map(NOT_STARTED.match, firsts))):
        return None
    return f"no scenario ran a DAG: {firsts[0] if firsts else 'it has no scenario'}"


def read_versions(evidence: Path) -> Versions:
    """Return the versions of a side from the document of its session."""
    return SessionDocument.model_validate_json((evidence / SESSION_FILE).read_bytes()).versions


def settings_of(side: Side, settings: Settings) -> Settings:
    """Return the settings with which the side runs."""
    folder = {"dags_folder": side.dags_folder} if side.dags_folder else {}
    return settings.of_side(side.name).model_copy(update=folder)


def summarise(run: SideRun) -> SideSummary:
    """Return the summary of a side that may have failed before it left evidence."""
    try:
        return read_side([run.evidence], every_shard=False).summary()
    except HarnessError:
        return SideSummary(label=str(run.evidence), versions=Versions(harness=own_version()), scenarios=0)
