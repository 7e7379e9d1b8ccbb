"""The verdict on a difference, and the exit code of a comparison.

The verdicts come from one table of field and condition.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING, Any, Final, Literal, NamedTuple

if TYPE_CHECKING:  # the model's differences have verdicts
    from harness.compare.model import Comparison, Difference

Verdict = Literal["regression", "changed", "fixed", "new", "missing", "broken on both", "warning", "unstable"]
BY_IMPORTANCE: Final[tuple[Verdict, ...]] = (
    "regression",
    "missing",
    "changed",
    "new",
    "warning",
    "fixed",
    "broken on both",
    "unstable",
)
Path = tuple[str, ...]
"""A field as its parts; joined by dots, the parts are the `field` of a difference."""


class Absent:
    """The value of a field that one side does not have."""

    def __repr__(self) -> str:
        return "(absent)"


ABSENT: Final = Absent()
NOT_RUN: Final = "not run"
FAILED: Final = ("failed", "upstream_failed")
"""The failed outcomes of a scenario and states of runs and tasks."""

CONDITIONS: Final[dict[str, Callable[[Any, Any], bool]]] = {
    "appears": lambda before, after: before is ABSENT,
    "vanishes": lambda before, after: after is ABSENT,
    "is not run any more": lambda before, after: after == NOT_RUN,
    "was not run before": lambda before, after: before == NOT_RUN,
    "fails now": lambda before, after: after in FAILED and before not in FAILED,
    "failed before": lambda before, after: before in FAILED and after not in FAILED,
    "failed on both": lambda before, after: before in FAILED and after in FAILED,
    "is 0 no more": lambda before, after: before == 0 and after != 0,
    "is 0 now": lambda before, after: before != 0 and after == 0,
    "differs": lambda before, after: True,
}


class Rule(NamedTuple):
    """A row of the table of verdicts.

    A word in upper case in `field` is any name, a final `*` stands for all fields below.

    `fails`: without an accepted entry, such a difference makes the exit code 1. `filtered`: a difference between the
    baseline and its repeat makes the field unstable.
    """

    field: str
    condition: str
    verdict: Verdict
    fails: bool
    filtered: bool = False


def _comes_and_goes(field: str, filtered: bool = False) -> tuple[Rule, ...]:
    return (
        Rule(field, "vanishes", "missing", fails=True, filtered=filtered),
        Rule(field, "appears", "new", fails=True, filtered=True),
    )


def _status(field: str) -> tuple[Rule, ...]:
    return (
        Rule(field, "fails now", "regression", fails=True),
        Rule(field, "failed before", "fixed", fails=False),
        Rule(field, "failed on both", "broken on both", fails=False),
        Rule(field, "differs", "changed", fails=True),
    )


def _content(field: str) -> tuple[Rule, ...]:
    return (
        *_comes_and_goes(f"{field}.columns.COLUMN", filtered=True),
        Rule(f"{field}.removed_rows", "differs", "missing", fails=True, filtered=True),
        Rule(f"{field}.added_rows", "differs", "new", fails=True, filtered=True),
        Rule(f"{field}.*", "differs", "changed", fails=True, filtered=True),
    )


def _exit_code(field: str) -> tuple[Rule, ...]:
    return (
        Rule(field, "is 0 no more", "regression", fails=True),
        Rule(field, "is 0 now", "fixed", fails=False),
        Rule(field, "differs", "changed", fails=True),
    )


RULES: Final[tuple[Rule, ...]] = (
    Rule("scenario", "vanishes", "missing", fails=True),
    Rule("scenario", "fails now", "regression", fails=True),
    Rule("scenario", "appears", "new", fails=False),
    Rule("evidence", "differs", "missing", fails=True),
    Rule("outcome", "is not run any more", "missing", fails=True),
    Rule("outcome", "fails now", "regression", fails=True),
    Rule("outcome", "was not run before", "new", fails=False),
    *_status("outcome")[1:],
    Rule("failure", "differs", "broken on both", fails=False, filtered=True),
    Rule("incomplete", "appears", "missing", fails=True),
    Rule("incomplete", "differs", "warning", fails=False),
    Rule("run", "vanishes", "missing", fails=True),
    Rule("run", "appears", "new", fails=True),
    Rule("refused", "appears", "regression", fails=True),
    Rule("refused", "vanishes", "fixed", fails=False),
    Rule("refused", "differs", "broken on both", fails=False),
    *_status("state"),
    *_exit_code("exit_code"),
    Rule("run_type", "differs", "changed", fails=True, filtered=True),
    Rule("interval.*", "differs", "changed", fails=True, filtered=True),
    Rule("schedule.*", "differs", "changed", fails=True, filtered=True),
    *_comes_and_goes("tasks.TASK"),
    *_status("tasks.TASK.state"),
    Rule("tasks.TASK.exception", "differs", "changed", fails=True, filtered=True),
    Rule("tasks.TASK.rendered.FIELD", "appears", "new", fails=False, filtered=True),
    Rule("tasks.TASK.*", "differs", "changed", fails=True, filtered=True),
    *_comes_and_goes("xcoms.TASK.KEY", filtered=True),
    Rule("xcoms.*", "differs", "changed", fails=True, filtered=True),
    *_comes_and_goes("objects.BUCKET"),
    *_comes_and_goes("objects.BUCKET.KEY"),
    *_content("objects.BUCKET.KEY"),
    *_comes_and_goes("tables.TABLE"),
    *_content("tables.TABLE"),
    *_comes_and_goes("aws.objects.BUCKET"),
    *_comes_and_goes("aws.objects.BUCKET.KEY"),
    *_content("aws.objects.BUCKET.KEY"),
    *_comes_and_goes("aws.resources.KIND.NAME"),
    *_comes_and_goes("aws.calls.SERVICE.ACTION", filtered=True),
    *_comes_and_goes("aws.logs.GROUP.STREAM", filtered=True),
    Rule("aws.*", "differs", "changed", fails=True, filtered=True),
    *_comes_and_goes("sidecars.IMAGE"),
    *_exit_code("sidecars.IMAGE.exit_code"),
    Rule("sidecars.*", "differs", "changed", fails=True, filtered=True),
    Rule("capped_waits.*", "differs", "changed", fails=True, filtered=True),
    Rule("warnings.*", "differs", "warning", fails=False, filtered=True),
    Rule("import_errors.FILE", "appears", "regression", fails=True),
    Rule("import_errors.FILE", "vanishes", "fixed", fails=False),
    Rule("import_errors.FILE", "differs", "broken on both", fails=False),
    *_comes_and_goes("dags.DAG"),
    *_comes_and_goes("dags.DAG.tasks.TASK"),
    Rule("dags.DAG.schedule.*", "differs", "changed", fails=True, filtered=True),
)
"""The first rule whose field and condition fit gives the verdict. docs/verdicts.md shows this table."""
_SPLIT: Final = tuple((tuple(rule.field.split(".")), rule) for rule in RULES)


def find_rule(path: Path, before: Any, after: Any) -> Rule:
    """Return the first rule for this field and these values."""
    return next(rule for parts, rule in _SPLIT if _fits(parts, path) and CONDITIONS[rule.condition](before, after))


def _fits(parts: Sequence[str], path: Path) -> bool:
    if parts[-1] == "*":
        parts, path = parts[:-1], path[: len(parts) - 1]
    return len(parts) == len(path) and all(
        part.isupper() or part == name for part, name in zip(parts, path, strict=True)
    )


def fails(difference: Difference, strict: bool = False) -> bool:
    """Return whether this difference makes the exit code 1.

    With `strict` every difference does, except accepted and unstable ones. What is equally broken or incomplete on both
    sides is no difference.
    """
    if difference.accepted is not None or difference.verdict == "unstable":
        return False
    equal = difference.absent is None and difference.before == difference.after
    equal = equal and difference.verdict in ("broken on both", "warning")
    return difference.fails or (strict and not equal)


def exit_code(comparison: Comparison, strict: bool = False) -> Literal[0, 1, 2]:
    """Return the exit code of a comparison.

    It is 1 for a regression, an unaccepted change or a wrong entry of accepted.toml, 2 without a comparison, else 0.
    """
    if comparison.not_comparable is not None:
        return 2
    failing = any(fails(difference, strict) for difference in comparison.differences)
    return 1 if failing or comparison.problems else 0
