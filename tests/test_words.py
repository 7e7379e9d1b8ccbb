"""Keep words out that make the project's text hard to read."""

from __future__ import annotations

import re
import subprocess
from pathlib import Path

ROOT = Path(__file__).parents[1]
PLACES = ("harness", "docs", "README.md", "ARCHITECTURE.md", "CONTRIBUTING.md", "Makefile")
TEXTS = ("", ".css", ".html", ".js", ".md", ".py", ".sh", ".toml")
WORDS = (
    *(
        "whatever",
        "whoever",
        "some(?:body|one)",
        "(?<![`'\"])nobody",
        "anew",
        "hardly",
        "likewise",
        "forerunners?",
        "fleets?",
    ),
    *("mend(?:s|ed|ing)?", "heed(?:s|ed|ing)?", "bur(?:y|ies|ied)", "rehears\\w*", "labellers?", "keepers?", "twins?"),
    *("let alone", "let go", "looked (?:at|for)", "held against", "c[ao]mes? of", "ha(?:s|ve) (?:its|their) place"),
    *(
        "do(?:es)? without",
        "in (?:the|its) place of",
        "tells? of",
        "(?:is|are|was) told",
        "there is none",
        "as they are",
    ),
)
"""Words and phrases to avoid; quoted, `nobody` is a user of the system."""
PATTERN = re.compile(r"\b(?:" + "|".join(WORDS).replace(" ", r"[\s#]+") + r")\b", re.IGNORECASE)


def find_words(text: str) -> list[tuple[int, str]]:
    """Return line number and text of each match; a phrase can continue on the next line."""
    return [(text.count("\n", 0, m.start()) + 1, " ".join(m[0].split())) for m in PATTERN.finditer(text)]


def test_no_text_has_words_to_avoid() -> None:
    listed = subprocess.run(["git", "ls-files", *PLACES], cwd=ROOT, capture_output=True, text=True, check=True)
    files = [name for name in listed.stdout.splitlines() if Path(name).suffix in TEXTS]
    assert len(files) > 100
    found = [f"{name}:{line}: {word}" for name in files for line, word in find_words((ROOT / name).read_text())]
    assert not found, "\n".join(["say it in plain technical English:", *found])


def test_words_are_found_at_their_lines() -> None:
    text = "Somebody is\n# told. The reader\n    # has its place.\nA mended stack is told in a tale."
    assert find_words(text) == [(1, "Somebody"), (1, "is # told"), (3, "has its place"), (4, "mended"), (4, "is told")]
    assert find_words("Recommended: retold, untwined, keepers2. It is tolerated; do it with or without.") == []
