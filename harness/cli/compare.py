"""`harness compare`: compare the evidence of two sides."""

from __future__ import annotations

import argparse
import datetime as dt
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from harness.errors import NotComparableError
from harness.output import check_file, output_errors, write

if TYPE_CHECKING:
    from harness.compare.model import Comparison

ACCEPTED_FILE = "accepted.toml"
FORMS = ("html", "markdown", "json", "junit")


def add(commands: Any, image_names: Sequence[str]) -> None:
    parser = commands.add_parser(
        "compare",
        help="compare the evidence of two sides, and say what changed",
        description="Compare evidence that `pytest --harness-evidence DIR` wrote. Exit code 1: a regression, or a "
        "change that is not accepted; 2: not comparable.",
    )
    sides = "folder, .zip or .tar.gz of evidence; sub-folders are shards"
    parser.add_argument("sides", nargs="*", metavar="SIDE", help=f"the baseline, then each candidate: {sides}")
    parser.add_argument("--baseline", nargs="+", type=Path, metavar="DIR", help="several folders of the baseline")
    parser.add_argument("--candidate", nargs="+", type=Path, metavar="DIR", help="several folders of one candidate")
    parser.add_argument(
        "--repeat",
        nargs="+",
        type=Path,
        metavar="DIR",
        help="second run of the baseline: what differs there is unstable",
    )
    parser.add_argument("--of-first", action="store_true", help="compare only the scenarios of the baseline")
    parser.add_argument("--strict", action="store_true", help="fail for every difference, also for warnings")
    parser.add_argument(
        "--accepted", type=Path, metavar="FILE", help=f"accepted differences (default: {ACCEPTED_FILE}, if it exists)"
    )
    parser.add_argument(
        "--accept", type=Path, metavar="FILE", help="append an entry for each failing difference, for review"
    )
    parser.add_argument("--date", type=_date, metavar="DATE", help="the day on which entries expire (default: today)")
    parser.add_argument("--all", action="store_true", help="show every difference with all of its detail")
    for name in FORMS:
        parser.add_argument(f"--{name}", type=Path, metavar="FILE", help=f"write the comparison as {name}")
    parser.set_defaults(run=run)


def run(root: Path, chosen: argparse.Namespace) -> int:
    from harness.compare.accepted import read_accepted, write_entries
    from harness.compare.compare import compare_sides, learn_unstable
    from harness.compare.read import read_side
    from harness.compare.text import format_text
    from harness.compare.verdicts import exit_code

    today = chosen.date or dt.date.today()
    for name in (*FORMS, "accept"):
        if getattr(chosen, name):
            check_file(f"--{name}", getattr(chosen, name))
    file = chosen.accepted or (root / ACCEPTED_FILE if (root / ACCEPTED_FILE).exists() else None)
    accepted = read_accepted(file) if file else None
    before, after = _choose_sides(chosen)
    baseline = read_side(before)
    unstable = learn_unstable(baseline, read_side(chosen.repeat) if chosen.repeat else None)
    comparisons = []
    for paths in after:
        comparison = compare_sides(
            baseline, read_side(paths), None, accepted, unstable, only_of_baseline=chosen.of_first, today=today
        )
        print(format_text(comparison, chosen.all, chosen.strict), end="" if len(after) == 1 else "\n")
        comparisons.append(comparison)
    _write(chosen, comparisons)
    if chosen.accept:
        count = write_entries(chosen.accept, comparisons, today)
        print(f"{chosen.accept}: {count} entries to review: write a reason for each")
    return max(exit_code(comparison, chosen.strict) for comparison in comparisons)


def _date(text: str) -> dt.date:
    try:
        return dt.date.fromisoformat(text)
    except ValueError:
        raise argparse.ArgumentTypeError(f"{text!r} is not a date: write 2026-01-31") from None


def _choose_sides(chosen: argparse.Namespace) -> tuple[list[Path], list[list[Path]]]:
    """Return the folders of the baseline, and those of each candidate."""
    sides = [Path(side) for side in chosen.sides]
    baseline = chosen.baseline or sides[:1]
    candidates = [[side] for side in (sides if chosen.baseline else sides[1:])]
    if chosen.candidate:
        candidates.append(chosen.candidate)
    if not baseline or not candidates:
        missing = "candidate" if baseline else "baseline"
        raise NotComparableError(f"no {missing} to compare: write `harness compare BASELINE CANDIDATE`")
    return baseline, candidates


def _write(chosen: argparse.Namespace, comparisons: Sequence[Comparison]) -> None:
    """Write the outputs.

    With several candidates, each but the first has a number in its file's name.
    """
    from harness.compare.junit import format_junit
    from harness.compare.markdown import format_markdown
    from harness.compare.page import format_page

    for number, comparison in enumerate(comparisons, start=1):
        outputs: dict[str, Callable[[Comparison], str]] = {
            "html": lambda one: format_page(one, chosen.strict),
            "markdown": lambda one: format_markdown(one, chosen.strict),
            "json": lambda one: one.model_dump_json(indent=1) + "\n",
            "junit": lambda one: format_junit(one, chosen.strict),
        }
        for name, format_comparison in outputs.items():
            file: Path | None = getattr(chosen, name)
            if file is not None:
                place = file if number == 1 else file.with_stem(f"{file.stem}-{number}")
                with output_errors(f"--{name}", place):
                    write(place, format_comparison(comparison))
