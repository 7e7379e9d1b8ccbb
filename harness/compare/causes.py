"""Report a failure once: the task that failed first, with its consequences as detail."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from harness.compare.model import FOLDER, Difference
from harness.compare.verdicts import Verdict
from harness.evidence.document import RunDocument

STATUSES = ("state", "exit_code")


def fold_causes(
    differences: Sequence[Difference], failed_runs: Mapping[tuple[Verdict, str], RunDocument]
) -> list[Difference]:
    """Return the differences of one scenario with each failure as one difference.

    `failed_runs`: for a regression the candidate's runs, for what is fixed the baseline's, by the run's name.
    """
    found = _fold_rendered(differences)
    verdicts: tuple[tuple[Verdict, Verdict], ...] = (("regression", "missing"), ("fixed", "new"))
    for verdict, vanished in verdicts:
        first = True
        for run in dict.fromkeys(one.run for one in found if one.run):
            statuses = [one for one in found if one.run == run and one.verdict == verdict and _is_status(one)]
            document = failed_runs.get((verdict, run))
            if not statuses or document is None:
                continue
            lead = _find_cause(statuses, document)
            never_started = {one.task for one in statuses if one.task and document.tasks[one.task].state != "failed"}
            failed = {one.task for one in statuses if one.task}
            followed = [
                one
                for one in found
                if one is not lead
                and (
                    (one in statuses and (one.task is None or one.task in never_started))
                    or (one.run == run and one.verdict == vanished and one.task in failed and one.service == "airflow")
                    or (first and not one.run and one.field == "outcome" and one.verdict == verdict)
                    or (first and one.run and one.field == "run" and one.verdict == vanished)
                )
            ]
            folded = _fold(lead, followed, document)
            found = [folded if one is lead else one for one in found if one not in followed]
            first = False
        if first:
            found = _fold_runs(found, verdict, vanished)
    return _fold_broken(found)


def fold_import_errors(
    differences: Sequence[Difference], files: Mapping[Verdict, Mapping[str, str]]
) -> list[Difference]:
    """Return the differences of all scenarios with each import error as one difference.

    `files`: for a regression the files of the baseline's DAGs, for what is fixed the candidate's, by DAG id. A DAG of
    such a file is missing or new, and its scenarios could not run it.
    """
    found = list(differences)
    verdicts: tuple[tuple[Verdict, Verdict], ...] = (("regression", "missing"), ("fixed", "new"))
    for verdict, vanished in verdicts:
        for lead in [one for one in found if one.verdict == verdict and one.field.startswith("import_errors.")]:
            file = lead.field.removeprefix("import_errors.")
            dags = [dag for dag, place in files.get(verdict, {}).items() if place == file]
            gone = [
                one
                for one in found
                if one.scenario == FOLDER and one.verdict == vanished and one.field.removeprefix("dags.") in dags
            ]
            refused = [
                one for one in found if one.field == "refused" and one.verdict == verdict and _find_dag(one) in dags
            ]
            scenarios = {one.scenario for one in refused}
            outcomes = [
                one for one in found if one.field == "outcome" and one.verdict == verdict and one.scenario in scenarios
            ]
            lines = [f"{one.field}: {one.message}" for one in gone]
            could = "could not" if verdict == "regression" else "can"
            lines += dict.fromkeys(f"so {one.scenario} {could} run DAG {_find_dag(one)}" for one in refused)
            lines += [line for one in outcomes for line in one.detail]
            folded = lead.model_copy(update={"detail": (*lead.detail, *lines)})
            followed = {id(one) for one in (*gone, *refused, *outcomes)}
            found = [folded if one is lead else one for one in found if id(one) not in followed]
    return found


def _find_dag(one: Difference) -> str:
    """Return the DAG id in `DAG DATE`, the name of a difference's run."""
    return one.run.partition(" ")[0]


def _fold_rendered(differences: Sequence[Difference]) -> list[Difference]:
    """Add the rendered fields that changed to the state of a task that fails now or is fixed."""
    found = list(differences)
    for lead in differences:
        if lead.field != f"tasks.{lead.task}.state" or lead.verdict not in ("regression", "fixed"):
            continue
        start = f"tasks.{lead.task}.rendered."
        followed = [
            one
            for one in found
            if one.run == lead.run and one.field.startswith(start) and one.verdict in ("changed", "new")
        ]
        lines = tuple(f"{one.field}: {one.message}" for one in followed)
        folded = lead.model_copy(update={"detail": (*lead.detail, *lines)})
        found = [folded if one is lead else one for one in found if one not in followed]
    return found


def _fold_runs(found: list[Difference], verdict: Verdict, vanished: Verdict) -> list[Difference]:
    """Add the missing runs to the outcome of a scenario that failed outside its runs."""
    lead = next((one for one in found if one.field == "outcome" and one.verdict == verdict), None)
    followed = [one for one in found if one.field == "run" and one.verdict == vanished]
    if lead is None or not followed:
        return found
    lines = tuple(f"{one.run}: {one.field}: {one.message}" for one in followed)
    folded = lead.model_copy(update={"detail": (*lead.detail, *lines)})
    return [folded if one is lead else one for one in found if one not in followed]


def _is_status(one: Difference) -> bool:
    return one.field in STATUSES or (one.task is not None and one.field == f"tasks.{one.task}.state")


def _find_cause(statuses: Sequence[Difference], run: RunDocument) -> Difference:
    """Return the difference of the failed task that started first.

    If no task failed, return the first task's; without tasks, return that of the run's state or exit code.
    """
    tasks = [one for one in statuses if one.task]
    failed = [one for one in tasks if run.tasks[one.task or ""].state == "failed"]
    order = {task: place for place, task in enumerate(run.order)}
    return min(failed or tasks or statuses, key=lambda one: order.get(one.task or "", len(order)))


def _fold(lead: Difference, followed: Sequence[Difference], run: RunDocument) -> Difference:
    lines = [
        f"{f'{one.run}: ' if one.run != lead.run and one.run else ''}{one.field}: {one.message}" for one in followed
    ]
    why = run.failure.strip().splitlines()[0] if run.failure and run.failure.strip() else ""
    message = f"{lead.message}: {why}" if why else lead.message
    alike = f"{lead.alike} {why}"
    return lead.model_copy(update={"message": message, "alike": alike, "detail": (*lead.detail, *lines)})


def _fold_broken(found: Sequence[Difference]) -> list[Difference]:
    """Add the statuses that are bad on both sides to the scenario's own difference.

    Exceptions of tasks that differ are added too.
    """
    lead = next((one for one in found if one.field == "outcome" and one.verdict == "broken on both"), None)
    if lead is None:
        return list(found)
    followed = [one for one in found if one is not lead and one.verdict == "broken on both" and one.field != "failure"]
    exceptions = [one for one in found if one.task and one.field == f"tasks.{one.task}.exception"]
    lines = tuple(f"{one.run}: {one.field}: {one.message}" for one in (*followed, *exceptions))
    return [
        lead.model_copy(update={"detail": (*lead.detail, *lines)}) if one is lead else one
        for one in found
        if one not in followed
    ]
