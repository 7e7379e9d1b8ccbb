"""The notes of a comparison: what it could not judge, and what is shown without a verdict."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Final

from harness.compare.read import Side
from harness.compare.runs import differs_in_order, find_scheduled, format_interval, pair_runs
from harness.compare.unstable import UnstableFields
from harness.compare.values import count_nouns
from harness.compare.verdicts import NOT_RUN

NO_REPEAT: Final = (
    "no unstable fields are known, because there is no second run of the baseline: a field that differs in every run "
    "is shown as changed"
)


def list_notes(
    baseline: Side, candidate: Side, common: Sequence[str], unstable: UnstableFields | None
) -> Iterator[str]:
    if unstable is None:
        yield NO_REPEAT
    else:
        unknown = [name for name in common if name not in unstable.scenarios]
        if unknown:
            have = "has" if len(unknown) == 1 else "have"
            number = count_nouns(len(unknown), "scenario")
            yield f"{number} {have} no second run of the baseline, among them {unknown[0]}"
        yield from (
            f"not filtered, although it differs between two runs of the baseline: {one}" for one in unstable.flaky
        )
    for word, side in (("baseline", baseline), ("candidate", candidate)):
        if side.folder is None:
            yield f"the {word} has no list of its DAGs, so DAGs, import errors and schedules were not compared"
        incomplete = (
            *(side.folder.incomplete if side.folder else ()),
            *(one for each in side.sessions for one in each.incomplete),
        )
        yield from (f"the {word} is incomplete: {reason}" for reason in dict.fromkeys(incomplete))
    skipped = [
        name for name in common if all(side.scenarios[name].outcome == NOT_RUN for side in (baseline, candidate))
    ]
    yield from (
        f"not run on both sides: {name}: {baseline.scenarios[name].reason or 'no reason given'}" for name in skipped
    )
    yield from _list_intervals(baseline, candidate, common)
    for name in common:
        for run, old, new in pair_runs(baseline.scenarios[name], candidate.scenarios[name]):
            if differs_in_order(old, new):
                yield f"tasks started in another order (not judged): {name}: {run}: {', '.join(new.order)}"


def _list_intervals(baseline: Side, candidate: Side, common: Sequence[str]) -> Iterator[str]:
    """Yield a line for each DAG whose interval under `dags test` is not a scheduler's.

    Both intervals are for the same date.
    """
    lines: dict[tuple[str, str], str] = {}
    for word, side in (("baseline", baseline), ("candidate", candidate)):
        for name in common:
            for run in side.scenarios[name].runs:
                scheduled = find_scheduled(run)
                if scheduled is not None and run.interval is not None and scheduled != run.interval:
                    lines.setdefault(
                        (word, run.dag_id),
                        f"on the {word}, `dags test` gave {run.dag_id} for {run.interval.logical_date} the interval "
                        f"{format_interval(run.interval)}, and a scheduler gives {format_interval(scheduled)}",
                    )
    yield from lines.values()
