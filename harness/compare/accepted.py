"""Accepted differences: read and check accepted.toml, write entries for `--accept`.

The written entries are for review: they have no reason.
"""

from __future__ import annotations

import datetime as dt
import json
import re
import tomllib
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from fnmatch import fnmatchcase
from pathlib import Path
from typing import Any, Final, get_args

from packaging.utils import canonicalize_name

from harness.compare.model import Comparison, Difference
from harness.compare.verdicts import Verdict, fails
from harness.errors import NotComparableError
from harness.evidence.document import Versions
from harness.output import output_errors, write

REVIEWED_AFTER: Final = dt.timedelta(days=90)
"""How long an entry that `--accept` writes is valid."""
EXPLICIT: Final[tuple[Verdict, ...]] = ("regression", "missing")
"""Verdicts that a pattern accepts only with `verdict`."""
KEYS: Final = ("scenario", "run", "field", "verdict", "pair", "reason", "expires")
PAIR: Final = re.compile(r"(?P<name>\S+) (?P<old>\S+) -> (?P<new>\S+)")


@dataclass(frozen=True)
class Entry:
    """An entry of accepted.toml.

    `*` in scenario, run and field matches any text; empty texts match everything. A regression or a missing thing needs
    `verdict` or its whole field, so that an entry for changes does not accept it.
    """

    line: int
    scenario: str
    field: str
    reason: str
    expires: dt.date
    run: str = ""
    verdict: str = ""
    pair: str = ""

    def fits(self, difference: Difference) -> bool:
        if self.verdict:
            return self.verdict == difference.verdict and self.covers(difference)
        return (difference.verdict not in EXPLICIT or self.field == difference.field) and self.covers(difference)

    def covers(self, difference: Difference) -> bool:
        """Return whether the difference, of any verdict, is in a place that the entry names."""
        return (
            _fits(self.scenario, difference.scenario)
            and _fits(self.field, difference.field)
            and (not self.run or _fits(self.run, difference.run))
        )


@dataclass(frozen=True)
class Accepted:
    """The entries of a file."""

    file: Path
    entries: tuple[Entry, ...]


def _fits(pattern: str, text: str) -> bool:
    return pattern == text or fnmatchcase(text, pattern)


def read_accepted(file: Path) -> Accepted:
    """Return the entries of accepted.toml.

    Raises NotComparableError, one line with the entry's line number.
    """
    try:
        text = file.read_text(encoding="utf-8")
        document = tomllib.loads(text)
    except OSError as error:
        raise NotComparableError(f"{file} can't be read ({error.strerror}): correct the path of --accepted") from error
    except (ValueError, RecursionError) as error:
        raise NotComparableError(f"{file} can't be read as TOML ({error}): correct it") from error
    tables = document.pop("accepted", [])
    if document or not isinstance(tables, list) or not all(isinstance(one, dict) for one in tables):
        raise NotComparableError(f"{file} has something other than [[accepted]] tables: remove it")
    lines = [
        n for n, line in enumerate(text.splitlines(), 1) if re.match(r"\s*\[\[\s*[\"']?accepted[\"']?\s*\]\]", line)
    ]
    lines += [0] * (len(tables) - len(lines))  # an inline array has no header lines
    return Accepted(file, tuple(_read_entry(file, line, table) for line, table in zip(lines, tables, strict=False)))


def _read_entry(file: Path, line: int, table: dict[str, Any]) -> Entry:
    where = f"{file}, line {line}"
    unknown = next((key for key in table if key not in KEYS), None)
    if unknown is not None:
        raise NotComparableError(f"{where}: unknown key {unknown!r}: use {', '.join(KEYS)}")
    for key in ("scenario", "field", "reason", "expires"):
        if key not in table:
            raise NotComparableError(f"{where}: {key} is missing: add it")
    if type(table["expires"]) is not dt.date:
        given = repr(str(table["expires"])[:40])
        raise NotComparableError(f"{where}: expires is {given}, no date: write 2027-01-31, without quotes")
    wrong = next((key for key in KEYS if key != "expires" and not isinstance(table.get(key, ""), str)), None)
    if wrong is not None:
        raise NotComparableError(f"{where}: {wrong} is {str(table[wrong])[:40]}, no text: put it in quotes")
    if not table["reason"].strip():
        raise NotComparableError(f"{where}: the reason to accept {table['field']!r} is empty: write why it is expected")
    if table.get("verdict", "") not in ("", *get_args(Verdict)):
        raise NotComparableError(f"{where}: verdict {table['verdict']!r}: use one of {', '.join(get_args(Verdict))}")
    if table.get("pair") and not PAIR.fullmatch(table["pair"]):
        raise NotComparableError(f"{where}: pair {table['pair']!r}: write it as 'airflow 2.11.2 -> 3.3.2'")
    return Entry(line, **table)


def apply_accepted(
    differences: Sequence[Difference],
    accepted: Accepted | None,
    compared: Mapping[str, Collection[str]],
    versions: tuple[Versions, Versions],
    today: dt.date,
) -> tuple[list[Difference], tuple[str, ...], tuple[str, ...]]:
    """Return the differences with reasons, the problems of entries, and notes on entries.

    An accepted difference has the reason of its entry. `compared` has the runs of both sides, by scenario. Problems are
    entries that expired, match nothing or name a pair of what neither side has.
    """
    given = accepted.entries if accepted else ()
    unknown = [entry for entry in given if entry.pair and not any(_find_versions(entry.pair, versions))]
    entries = [entry for entry in given if entry not in unknown and _is_pair(entry.pair, versions)]
    valid = [entry for entry in entries if entry.expires >= today]
    used: set[int] = set()
    judged = []
    for difference in differences:
        entry = next((entry for entry in valid if entry.fits(difference)), None)
        used.update(id(one) for one in valid if one.fits(difference))
        judged.append(difference.model_copy(update={"accepted": entry.reason.strip()}) if entry else difference)
    file = accepted.file if accepted else ""
    problems = [
        f"{file}, line {entry.line}: pair {entry.pair!r} is of what neither side has: correct or remove it"
        for entry in unknown
    ]
    notes = []
    for entry in entries:
        where = f"{file}, line {entry.line}"
        if entry.expires < today:
            problems.append(
                f"{where}: expired on {entry.expires} ({entry.field}): check it again, then remove or renew it"
            )
        elif id(entry) not in used:
            open_ones = (one for one in judged if fails(one) and not entry.verdict)
            covered = next(filter(entry.covers, open_ones), None)
            if covered is not None:
                problems.append(
                    f"{where}: the pattern {entry.field!r} accepts no {covered.verdict} ({covered.field}): "
                    f'add verdict = "{covered.verdict}", or correct it'
                )
                continue
            nothing = f"{where}: matches no difference ({entry.field} of {entry.scenario})"
            fitting = [name for name in compared if _fits(entry.scenario, name)]
            if entry.run:
                stale = any(_fits(entry.run, run) for name in fitting for run in compared[name])
            else:
                stale = entry.scenario in compared
            if stale:
                problems.append(f"{nothing}: correct or remove it")
            elif fitting and not entry.run:  # Evidence does not say whether the project has more that fit.
                notes.append(f"{nothing}: remove it if no other scenario needs it")
    return judged, tuple(problems), tuple(notes)


def _is_pair(pair: str, versions: tuple[Versions, Versions]) -> bool:
    match = PAIR.fullmatch(pair)
    if match is None:
        return True
    known = _find_versions(pair, versions)
    return _fits(match["old"], known[0]) and _fits(match["new"], known[1])


def _find_versions(pair: str, versions: tuple[Versions, Versions]) -> list[str]:
    """Return each side's version of what the pair names, empty if the side does not have it.

    A package may be written as an index writes it, and Airflow is also a package.
    """
    name = pair.partition(" ")[0]
    package = canonicalize_name(name)
    names = (name, "airflow" if package == "apache-airflow" else package)
    return [next((known[one] for one in names if one in known), "") for known in map(list_versions, versions)]


def list_versions(versions: Versions) -> dict[str, str]:
    """Return every version of a side by its name.

    Airflow and Python come first, then servers, images and packages.
    """
    images = {name: image.version or image.reference for name, image in versions.images.items()}
    listed = {"airflow": versions.airflow, "python": versions.python}
    for more in (versions.servers, images, versions.packages):
        listed.update((name, version) for name, version in more.items() if name not in (*listed, "apache-airflow"))
    return {name: version for name, version in listed.items() if version}


def find_pair(baseline: Versions, candidate: Versions) -> str:
    """Return the first version that differs, as `airflow 2.11.2 -> 3.3.2`; empty if none does."""
    old, new = list_versions(baseline), list_versions(candidate)
    pairs = (f"{name} {old[name]} -> {new[name]}" for name in old if name in new and old[name] != new[name])
    return next((pair for pair in pairs if PAIR.fullmatch(pair)), "")


def write_entries(file: Path, comparisons: Sequence[Comparison], today: dt.date) -> int:
    """Append an entry without a reason for each unaccepted difference that fails.

    Return the number of entries. Raises OutputError.
    """
    blocks = [
        _format_entry(one, find_pair(comparison.baseline.versions, comparison.candidate.versions), today)
        for comparison in comparisons
        for one in comparison.differences
        if fails(one)
    ]
    with output_errors("--accept", file):
        before = file.read_text(encoding="utf-8") if file.exists() else ""
        write(
            file, before + "".join(f"\n{block}" if before or number else block for number, block in enumerate(blocks))
        )
    return len(blocks)


def _format_entry(one: Difference, pair: str, today: dt.date) -> str:
    lines = ["[[accepted]]", f"# {_quote(one.message[:200])}", f"scenario = {_quote(one.scenario)}"]
    if one.run:
        lines.append(f"run = {_quote(one.run)}")
    lines += [f"field = {_quote(one.field)}", f"verdict = {_quote(one.verdict)}"]
    if pair:
        lines.append(f"pair = {_quote(pair)}")
    return "\n".join((*lines, 'reason = ""', f"expires = {today + REVIEWED_AFTER}", ""))


def _quote(text: str) -> str:
    """Return a TOML string, whose escapes are those of JSON but for the delete character."""
    return json.dumps(text, ensure_ascii=False).replace("\x7f", "\\u007f")
