"""The warnings in the log of `airflow dags test`, with category, file and line."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path

from harness.evidence.document import WarningDocument
from harness.evidence.evidence import NOISE

# Airflow 3: `TIME [warning  ] TEXT [LOGGER] loc=FILE:LINE`, or `[py.warnings] category=... filename=... lineno=...`.
STRUCTURED = re.compile(r"^\S+ \[warning\s*\] (?P<rest>.*)$")
END = re.compile(r"^(?P<text>.*?)\s* \[[\w.]+\](?P<fields>(?: \w+=\S+)*)$")
FIELD = re.compile(r"(\w+)=(\S+)")
# Airflow 2: `[TIME] {FILE:LINE} WARNING - TEXT`.
CLASSIC = re.compile(r"^\[[^\]]+\] \{(?P<file>[^}]*):(?P<line>\d+)\} WARNING - (?P<text>.*)$")
# Python: `FILE:LINE: CATEGORY: TEXT`; Airflow 2 prints it without the first colon.
PYTHON = re.compile(r"(?:^|.* )(?P<file>\S+):(?P<line>\d+):? (?P<category>\w*Warning): (?P<text>.*)$")
LOG_LINE = re.compile(r"^(?:\[\d{4}-|\d{4}-\d\d-\d\dT)")
MESSAGE_LINES = 20
"""Lines of a message that are searched for its end."""


def find_warning_documents(log: str, dags_folder: Path, normalise: Callable[[str], str]) -> tuple[WarningDocument, ...]:
    """Return the warnings of Airflow and Python in the log, each once, without NOISE.

    The warnings are in order of their texts.
    """
    lines = log.splitlines()
    found = (_parse(lines, number) for number in range(len(lines)))
    documents = {
        WarningDocument(
            text=normalise(each.text),
            category=each.category,
            file=each.file and normalise(_relative(each.file, dags_folder)),
            line=each.line,
        ): None
        for each in found
        if each and not NOISE.search(each.text)
    }
    # Parallel tasks warn in any order.
    return tuple(sorted(documents, key=lambda each: (each.text, each.file or "", each.line or 0)))


def is_import_warning(warning: WarningDocument) -> bool:
    """Return whether this is a warning of Python in a file of the dags folder.

    A log line does not count, since it has the name of its file without the folder.
    """
    outside = ("/", "<", "site-packages/", "dist-packages/")
    return warning.category != "warning" and warning.file is not None and not warning.file.startswith(outside)


def _parse(lines: Sequence[str], number: int) -> WarningDocument | None:
    line = lines[number]
    if structured := STRUCTURED.match(line):
        return _parse_structured([structured["rest"], *_continue(lines, number + 1)])
    classic = CLASSIC.match(line)
    text = classic["text"] if classic else line
    if python := PYTHON.match(text):
        return WarningDocument(
            text=python["text"], category=python["category"], file=python["file"], line=int(python["line"])
        )
    if classic:
        return WarningDocument(text=text, file=classic["file"], line=int(classic["line"]))
    return None


def _continue(lines: Sequence[str], start: int) -> Iterator[str]:
    """Yield the lines below the first line of a message, up to the next message."""
    for line in lines[start : start + MESSAGE_LINES]:
        if LOG_LINE.match(line):
            return
        yield line


def _parse_structured(lines: Sequence[str]) -> WarningDocument:
    for number, line in enumerate(lines):
        if end := END.match(line):
            text = "\n".join([*lines[:number], end["text"]]).strip()
            fields = dict(FIELD.findall(end["fields"]))
            file, _, place = fields.get("loc", "").rpartition(":")
            line_number = fields.get("lineno", place)
            return WarningDocument(
                text=text,
                category=fields.get("category", "warning"),
                file=fields.get("filename") or file or None,
                line=int(line_number) if line_number.isdigit() else None,
            )
    return WarningDocument(text=lines[0].strip())


def _relative(file: str, dags_folder: Path) -> str:
    """Return the file relative to the dags folder, or from `site-packages` on; else unchanged.

    The harness's own image of Airflow has its packages in /opt/packages.
    """
    if Path(file).is_relative_to(dags_folder):
        return str(Path(file).relative_to(dags_folder))
    return re.sub(r"^.*/(?=(?:site|dist)-packages/)", "", re.sub(r"^/opt/packages/", "/site-packages/", file))
