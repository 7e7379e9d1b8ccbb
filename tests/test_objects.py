"""Previews of objects."""

from __future__ import annotations

from harness.evidence.objects import PREVIEW_CHARACTERS, PREVIEW_LINES, StoredObject, preview_text
from harness.shown_text import shown_text


def test_a_preview_has_the_first_lines() -> None:
    text = "\n".join(f"{number},ä" for number in range(50))
    shown = preview_text(text.encode(), shown_text)
    assert shown == "\n".join(text.splitlines()[:PREVIEW_LINES]) + "…"
    assert preview_text(b"42\n", shown_text) == "42"


def test_a_preview_is_masked_before_it_is_cut() -> None:
    secret = "0123456789abcdef"
    text = "x" * (PREVIEW_CHARACTERS - 8) + secret
    shown = preview_text(text.encode(), lambda whole: shown_text(whole, [secret]))
    assert shown == "x" * (PREVIEW_CHARACTERS - 8) + "***"


def test_binary_and_blank_objects_have_no_preview() -> None:
    for content in (b"", b" \n", b"\x89PNG\xff", b"a\0b"):
        assert preview_text(content, shown_text) is None


def test_a_preview_is_no_part_of_the_compared_evidence() -> None:
    assert StoredObject(3, "ab", "abc") == StoredObject(3, "ab")
