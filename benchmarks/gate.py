"""The gate: compare measured ratios with the table of the last release.

A line fails if its best pair misses the goal and is more than NOISE times worse than the release's figure.

The best pair counts because both sides of a pair are measured within seconds: another load on the machine spoils some
pairs but rarely all of them, while slower code spoils every pair. NOISE allows for the speed-up of a second core, which
changes from hour to hour (row 5's best pair with the same code: 0.54 to 0.64). Only ratios count, as seconds depend
more on the machine than on the code. The goal is the bound, because a figure better than its goal may vary. Lines that
the release lacks and lines with a goal in seconds or megabytes are only reported. A row that could not be measured
fails.
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
    """Return a verdict for each measured ratio with a goal, and for each failed row."""
    of_release = {line.key: line for line in released}
    verdicts = [Verdict(f"row {row}", True, f"could not be measured: {why}") for row, why in unmeasured.items()]
    return verdicts + [_judge_line(line, of_release.get(line.key)) for line in measured if line.is_ratio and line.goal]


def _judge_line(line: Line, released: Line | None) -> Verdict:
    assert line.goal
    best = line.goal.best(line.figures)
    text = f"best pair {best:.3f}, goal {line.goal.bound:g}"
    if line.goal.met(best):
        return Verdict(line.key, False, text)
    if released is None:
        return Verdict(line.key, False, f"{text}: missed; the release lacks this line")
    worse = line.goal.times_worse(best, released.figure)
    text = f"{text}, released {released.figure:.3f}: missed, {worse:.2f} times as bad as the release"
    return Verdict(line.key, worse > NOISE, text)
