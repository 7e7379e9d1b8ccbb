"""Compare two sides: every difference with its verdict."""

from __future__ import annotations

import datetime as dt
from collections.abc import Collection, Iterator, Mapping, Sequence
from typing import Any, Final

from harness.compare.accepted import Accepted, apply_accepted
from harness.compare.causes import fold_causes, fold_import_errors
from harness.compare.change import Change, both, count
from harness.compare.deprecations import list_deprecations
from harness.compare.limits import LIMITS
from harness.compare.model import FOLDER, METADATA, MIGRATION, Comparison, Difference, Section, Service
from harness.compare.not_exercised import knows_dags, list_not_exercised
from harness.compare.notes import list_notes
from harness.compare.read import Side
from harness.compare.runs import (
    Runs,
    compare_runs,
    compare_schedules,
    compare_warnings,
    name_runs,
    pair_runs,
)
from harness.compare.unstable import (
    UnstableField,
    UnstableFields,
    UnstableIndex,
    UnstableNames,
    find_unstable_names,
    index_fields,
    read_unstable,
    without_positions,
    write_unstable,
)
from harness.compare.values import keep, show
from harness.compare.verdicts import ABSENT, NOT_RUN, Verdict, find_rule
from harness.errors import NotComparableError
from harness.evidence.document import FolderDocument, RunDocument, ScenarioDocument

SERVICES: Final[Mapping[str, Service]] = {"objects": "minio", "aws": "aws"}


def compare_sides(
    baseline: Side,
    candidate: Side,
    repeat: Side | None = None,
    accepted: Accepted | None = None,
    unstable: UnstableFields | None = None,
    only_of_baseline: bool = False,
    today: dt.date | None = None,
) -> Comparison:
    """Return the comparison of the candidate with the baseline.

    `repeat` is a second run of the baseline, from which unstable fields are learned; `unstable` has those of an earlier
    comparison. `only_of_baseline`: scenarios that only the candidate has are no difference. Raises NotComparableError
    if the sides have no scenario in common.
    """
    common = sorted(baseline.scenarios.keys() & candidate.scenarios.keys())
    if not common:
        raise NotComparableError(
            f"{baseline.label} and {candidate.label} have no scenario in common: compare evidence of the same scenarios"
        )
    if repeat is not None:
        unstable = find_unstable(baseline, repeat)
    index = index_fields(unstable or UnstableFields())
    found = list(_compare_folders(baseline.folder, candidate.folder, index))
    for name in sorted(_all_scenarios(baseline) | (set() if only_of_baseline else _all_scenarios(candidate))):
        found += _compare_scenario(name, baseline, candidate, index)
    unstable_alone = list(_unstable_differences(unstable, found, common))
    files = [side.folder.files if side.folder else {} for side in (baseline, candidate)]
    found = fold_import_errors(_fold_warnings(found), {"regression": files[0], "fixed": files[1]})
    found += [*unstable_alone, *candidate.differences]
    compared = _list_compared(baseline, candidate, common)
    versions = baseline.versions, candidate.versions
    judged, problems, of_entries = apply_accepted(found, accepted, compared, versions, today or dt.date.today())
    return Comparison(
        baseline=baseline.summary(),
        candidate=candidate.summary(),
        scenarios=tuple(common),
        sections=tuple(_list_sections(baseline, candidate)),
        differences=tuple(judged),
        problems=problems,
        notes=(*list_notes(baseline, candidate, common, unstable), *of_entries),
        not_exercised=list_not_exercised(baseline, candidate),
        limits=LIMITS,
    )


def _list_compared(baseline: Side, candidate: Side, common: Sequence[str]) -> dict[str, Collection[str]]:
    """Return the runs that both sides have, by scenario.

    Scenarios that a side did not run are left out.
    """
    compared: dict[str, Collection[str]] = {}
    if knows_dags(baseline) and knows_dags(candidate):
        compared[FOLDER] = ()
    if candidate.differences or any(one.title == MIGRATION and one.rows for one in candidate.sections):
        compared[METADATA] = ()
    for name in common:
        old, new = baseline.scenarios[name], candidate.scenarios[name]
        if NOT_RUN not in (old.outcome, new.outcome):
            compared[name] = name_runs(old).keys() & name_runs(new).keys()
    return compared


def _list_sections(baseline: Side, candidate: Side) -> Iterator[Section]:
    """Yield the sections of an upgrade check, and the baseline's deprecations.

    The check keeps its sections beside the candidate's evidence. If there are none, nothing is yielded.
    """
    yield from candidate.sections
    if candidate.sections:
        yield list_deprecations(baseline)


def _all_scenarios(side: Side) -> set[str]:
    return {*side.scenarios, *side.without_evidence}


def _compare_scenario(name: str, baseline: Side, candidate: Side, index: UnstableIndex) -> list[Difference]:
    without = [side for side, one in (("baseline", baseline), ("candidate", candidate)) if name in one.without_evidence]
    if without:
        message = f"the session of the {' and the '.join(without)} collected this scenario and left no evidence of it"
        values = both(lambda side: ABSENT if side in without else "evidence", "baseline", "candidate")
        return [_judge(name, "", Change(("evidence",), *values, message=message), index)]
    old, new = baseline.scenarios.get(name), candidate.scenarios.get(name)
    if old is None or new is None:
        values = both(lambda one: ABSENT if one is None else one.outcome, old, new)
        message = "only the candidate has this scenario" if old is None else "the candidate does not have this scenario"
        one = new or old
        return (
            [
                _judge(
                    name,
                    "",
                    Change(("scenario",), *values, message=f"{message} ({one.outcome}{_first_line(one.failure)})"),
                    index,
                )
            ]
            if one
            else []
        )
    found = [_judge(name, "", change, index) for change in _compare_outcomes(old, new)]
    if NOT_RUN in (old.outcome, new.outcome):
        return found
    runs, new_runs = name_runs(old), name_runs(new)
    for run in dict.fromkeys((*runs, *new_runs)):
        found += [
            _judge(name, run, change, index)
            for change in _compare_pair(name, run, runs, new_runs, baseline, candidate, index)
        ]
    failed: dict[tuple[Verdict, str], RunDocument] = {("regression", run): one for run, one in new_runs.items()}
    return fold_causes(found, failed | {("fixed", run): one for run, one in runs.items()})


def _compare_outcomes(old: ScenarioDocument, new: ScenarioDocument) -> Iterator[Change]:
    reasons = (old.failure or old.reason, new.failure or new.reason)
    if old.outcome == new.outcome == "failed":
        why = _first_line(reasons[0])
        yield Change(("outcome",), "failed", "failed", message=f"failed on both sides{why}")
        if old.failure != new.failure:
            yield Change(("failure",), old.failure, new.failure)
    elif old.outcome != new.outcome:
        why = _first_line(reasons[0] if new.outcome == "passed" else reasons[1])
        message = f"{old.outcome} -> {new.outcome}{why}"
        yield Change(("outcome",), old.outcome, new.outcome, message=message)
    if old.incomplete or new.incomplete:
        values = both(lambda one: ", ".join(one.incomplete) or ABSENT, old, new)
        yield Change(
            ("incomplete",), *values, message="the evidence is incomplete", detail=(*old.incomplete, *new.incomplete)
        )


def _first_line(text: str | None) -> str:
    return f": {text.strip().splitlines()[0]}" if text and text.strip() else ""


def _compare_pair(
    scenario: str, run: str, runs: Runs, new_runs: Runs, baseline: Side, candidate: Side, index: UnstableIndex
) -> Iterator[Change]:
    old, new = runs.get(run), new_runs.get(run)
    if old is None or new is None:
        yield Change(("run",), *both(lambda one: ABSENT if one is None else one.state, old, new))
        return
    if old == new and repr(old) == repr(new):
        return
    yield from compare_runs(
        old,
        new,
        lambda path: index.is_unstable(scenario, run, path),
        lambda container: index.patterns(scenario, run, container),
        _list_schedule_changes(old.dag_id, baseline, candidate),
    )


def _list_schedule_changes(dag_id: str, baseline: Side, candidate: Side) -> set[str]:
    """Return the fields of a DAG's schedule that differ between the dags folders."""
    old, new = (side.folder.schedules.get(dag_id) if side.folder else None for side in (baseline, candidate))
    if old is None or new is None:
        return set()
    return {change.path[-1] for change in compare_schedules(("schedule",), old, new)}


def _judge(scenario: str, run: str, change: Change, index: UnstableIndex) -> Difference:
    rule = find_rule(change.path, change.before, change.after)
    unstable = rule.filtered and index.is_unstable(scenario, run, change.path)
    message = change.message
    if not message and change.before is ABSENT:
        message = f"appears: {show(change.after)}"
    elif not message and change.after is ABSENT:
        message = f"vanishes: {show(change.before)}"
    # The same state of two tasks may have two causes.
    causes = change.detail if rule.field == "tasks.TASK.state" else ()
    last = change.path[-1] if rule.field.endswith("*") else ""
    message = message or f"{show(change.before)} -> {show(change.after)}"
    return Difference(
        scenario=scenario,
        run=run,
        service=change.service,
        task=change.task,
        path=change.path,
        field=change.field,
        verdict="unstable" if unstable else rule.verdict,
        fails=rule.fails and not unstable,
        filtered=rule.filtered,
        before=keep(change.before),
        after=keep(change.after),
        absent="baseline" if change.before is ABSENT else "candidate" if change.after is ABSENT else None,
        message=message,
        detail=change.detail,
        alike=" ".join((rule.field, last, message, *causes)),
        above=".".join(change.path[:-1]),
    )


def _compare_folders(
    before: FolderDocument | None, after: FolderDocument | None, index: UnstableIndex
) -> Iterator[Difference]:
    if before is None or after is None:
        return
    for change in _compare_dags(before, after):
        yield _judge(FOLDER, "", change, index)


def _compare_dags(before: FolderDocument, after: FolderDocument) -> Iterator[Change]:
    for file in sorted(before.import_errors.keys() | after.import_errors.keys()):
        values: tuple[Any, Any] = (before.import_errors.get(file, ABSENT), after.import_errors.get(file, ABSENT))
        if ABSENT in values:
            word, error = ("fails to import", values[1]) if values[0] is ABSENT else ("imports again", values[0])
        else:
            word, error = "fails to import on both sides", values[1]
        message = f"{word}{_first_line(error)}"
        yield Change(("import_errors", file), *values, "dags folder", message=message)
    yield from compare_warnings(before.warnings, after.warnings, "dags folder")
    old, new = ({**dict.fromkeys(one.schedules, ()), **one.tasks} for one in (before, after))
    for dag in sorted(old.keys() | new.keys()):
        if dag not in old or dag not in new:
            values = count(old, dag, "tasks"), count(new, dag, "tasks")
            yield Change(("dags", dag), *values, "dags folder")
            continue
        for task in sorted(set(old[dag]) ^ set(new[dag])):
            place: tuple[Any, Any] = ("task", ABSENT) if task in old[dag] else (ABSENT, "task")
            yield Change(("dags", dag, "tasks", task), *place, "dags folder", task=task)
        if dag in before.schedules and dag in after.schedules:
            yield from compare_schedules(
                ("dags", dag, "schedule"), before.schedules[dag], after.schedules[dag], "dags folder"
            )


def _fold_warnings(found: Sequence[Difference]) -> list[Difference]:
    """Return the differences without warnings of the dags folder that a run has too."""
    shown = {(one.field, one.message) for one in found if one.run}
    return [
        one
        for one in found
        if one.scenario != FOLDER or not one.field.startswith("warnings.") or (one.field, one.message) not in shown
    ]


def find_unstable(baseline: Side, repeat: Side) -> UnstableFields:
    """Return what differs between the baseline and its repeat."""
    common = sorted(baseline.scenarios.keys() & repeat.scenarios.keys())
    if not common:
        raise NotComparableError(
            f"{baseline.label} and {repeat.label} have no scenario in common: repeat the same ones"
        )
    names = tuple(
        UnstableNames(scenario=scenario, run=run, container=container, pattern=pattern, constant=constant)
        for scenario in common
        for run, old, new in pair_runs(baseline.scenarios[scenario], repeat.scenarios[scenario])
        for container, pattern, constant in find_unstable_names(old, new)
    )
    index = index_fields(UnstableFields(names=names))
    found = list(_compare_folders(baseline.folder, repeat.folder, index))
    for scenario in common:
        found += _compare_scenario(scenario, baseline, repeat, index)
    fields = tuple(
        UnstableField(scenario=one.scenario, run=one.run, service=one.service, path=one.path, message=one.message)
        for one in found
        if one.filtered
    )
    flaky = tuple(
        f"{one.scenario}: {one.field}: {one.message}"
        for one in found
        if not one.filtered and one.verdict != "broken on both"
    )
    return UnstableFields(scenarios=tuple(common), fields=fields, names=names, flaky=flaky)


def learn_unstable(baseline: Side, repeat: Side | None) -> UnstableFields | None:
    """Return what differs between the baseline and its repeat.

    The result is kept beside the baseline's evidence if that is one folder. Without a repeat, return what earlier
    comparisons kept there; None if they kept nothing.
    """
    if repeat is None:
        return read_unstable(baseline.folders, baseline.scenarios.keys())
    unstable = find_unstable(baseline, repeat)
    if len(baseline.folders) == 1:
        write_unstable(baseline.folders[0], unstable)
    return unstable


def _unstable_differences(
    unstable: UnstableFields | None, found: Sequence[Difference], common: Sequence[str]
) -> Iterator[Difference]:
    """Yield fields that differ between baseline and repeat, and are equal on the candidate."""
    known = {(one.scenario, one.run, without_positions(one.field)) for one in found}
    compared = {FOLDER, *common}
    fields = unstable.fields if unstable else ()
    names = unstable.names if unstable else ()
    listed = [(one.scenario, one.run, one.service, ".".join(one.path), one.message) for one in fields]
    listed += [
        (
            one.scenario,
            one.run,
            SERVICES.get(one.container.partition(".")[0], "airflow"),
            f"{one.container}.{one.pattern}",
            "",
        )
        for one in names
    ]
    for scenario, run, service, name, message in listed:
        if scenario in compared and (scenario, run, without_positions(name)) not in known:
            text = (
                f"differs between two runs of the baseline: {message}" if message else "has another name in every run"
            )
            yield Difference(
                scenario=scenario, run=run, service=service, field=name, verdict="unstable", fails=False, message=text,
                filtered=True, alike=f"{name} {text}", above=name.rpartition(".")[0],
            )  # fmt: skip
