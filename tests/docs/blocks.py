"""The code blocks of a page, and a comparison of shown and real output."""

from __future__ import annotations

import re
from dataclasses import dataclass
from pathlib import Path

FENCED = re.compile(r"^```(?P<info>[^\n]*)\n(?P<text>.*?)^```$", re.M | re.S)
TITLE = re.compile(r'title="([^"]+)"')


@dataclass(frozen=True)
class Block:
    """A code block; `language`, `words` and `title` (a file, or empty) are from its opening fence."""

    language: str
    words: tuple[str, ...]
    title: str
    text: str


def blocks(page: Path) -> list[Block]:
    found = []
    for match in FENCED.finditer(page.read_text()):
        title = TITLE.search(match["info"])
        language, *words = TITLE.sub("", match["info"]).split()
        found.append(Block(language, tuple(words), title[1] if title else "", match["text"]))
    return found


def missing(shown: str, output: str) -> str | None:
    """Return the first shown line that the output lacks, in this order; None if it has all lines.

    `...` matches any text; repeated spaces, `=` and `-` match any number of them.
    """
    lines = [_plain(line) for line in output.splitlines()]
    at = 0
    for line in filter(None, map(str.strip, shown.splitlines())):
        if line == "...":
            continue
        wanted = re.compile(".*".join(re.escape(part) for part in _plain(line).split("...")))
        at = next((number + 1 for number in range(at, len(lines)) if wanted.fullmatch(lines[number])), -1)
        if at < 0:
            return line
    return None


def _plain(line: str) -> str:
    return re.sub(r"([\s=\u2500-])\1+", r"\1", " ".join(line.split()))
