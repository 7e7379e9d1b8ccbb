"""The gate: ratios just measured against the table of the last release.

A line fails where its best pair misses the goal, and is more than NOISE times worse than the release's figure.

Why the best of the pairs: each was measured within seconds, one right after the other, so a neighbour that takes the
machine for a while spoils some pairs, seldom all of them, while code that has become slower spoils every one. Why
NOISE: what a second core is worth changes from hour to hour, and with it every pair (row 5's best, same code: 0.54 to
0.64). Why ratios alone: seconds tell more of the machine than of the code. Why the goal is the line and not the
release's figure: what is better than promised may vary. A line that the release has not is only reported, and so is one
with a goal in seconds or megabytes. A row that could not be measured fails.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from benchmarks.figures import Line

NOISE = 1.2


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
    worse = line.goal.times_worse(best, released.figure)
    says = f"{says}, released {released.figure:.3f}: missed, {worse:.2f} times as bad as the release"
    return Verdict(line.key, worse > NOISE, says)
