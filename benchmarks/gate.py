"""The gate: ratios just measured against the table of the last release.

A line fails where its best pair misses the goal, and
 - the release met the goal: then nothing but a change of the code explains that not one of the repetitions meets it; or
 - the release missed it too, and the best pair is more than MARGIN times worse than the release.

Why the best of the pairs: each was measured within seconds, one right after the other, so a neighbour that takes the
machine for a while spoils some pairs, seldom all of them, while code that has become slower spoils every one. Why
ratios alone: seconds tell more of the machine than of the code. Why the goal is the line and not the release's figure:
what is better than promised may vary. A line that the release has not is only reported, and so is one with a goal in
seconds or megabytes. A row that could not be measured fails.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from benchmarks.figures import Line

MARGIN = 1.5


@dataclass(frozen=True)
class Verdict:
    key: str
    failed: bool
    why: str


def judge(measured: Sequence[Line], released: Sequence[Line], unmeasured: Mapping[str, str]) -> list[Verdict]:
    """One verdict for each measured ratio with a goal, and for each row that could not be measured."""
    of_release = {line.key: line for line in released}
    verdicts = [Verdict(f"row {row}", True, f"could not be measured: {why}") for row, why in unmeasured.items()]
    return verdicts + [_judged(line, of_release.get(line.key)) for line in measured if line.is_ratio and line.goal]


def _judged(line: Line, released: Line | None) -> Verdict:
    assert line.goal
    best = line.goal.best(line.figures)
    says = f"best pair {best:.3f}, goal {line.goal.bound:g}"
    if line.goal.met(best):
        return Verdict(line.key, False, says)
    if released is None:
        return Verdict(line.key, False, f"{says}: missed; the release has no such line")
    says = f"{says}, released {released.figure:.3f}"
    # By today's goal: one that was tightened since the release was not met by it.
    if line.goal.met(released.figure):
        return Verdict(line.key, True, f"{says}: the release met the goal")
    worse = line.goal.times_worse(best, released.figure)
    if worse > MARGIN:
        return Verdict(line.key, True, f"{says}: {worse:.1f} times worse")
    return Verdict(line.key, False, f"{says}: missed, as in the release")
