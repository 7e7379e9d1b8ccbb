"""A difference of catchup counts only where the schedule has runs."""

from __future__ import annotations

import pytest

from harness.evidence.document import Interval, Schedule
from tests.compare.builders import brief, compare, run

DAY = Interval(logical_date="2026-01-01T00:00:00+00:00", start=None, end=None)


@pytest.mark.parametrize(("runs", "differences"), [((), []), ((DAY,), [("changed", "schedule.catchup")])])
def test_catchup(runs: tuple[Interval, ...], differences: list[tuple[str, str]]) -> None:
    before, after = (
        run(schedule=Schedule(timetable="CronTriggerTimetable", catchup=catchup, next=runs))
        for catchup in (True, False)
    )
    assert brief(compare(before, after)) == differences
