"""What may be shown: no secret in any form, no control sequence, no text that can't be encoded."""

from __future__ import annotations

from base64 import b64encode, urlsafe_b64encode
from urllib.parse import quote

import pytest

from harness.shown_text import keep_colours, show_values, shown_text

SECRET = "0a1b2c3d4e5f60718293a4b5c6d7e8f9"
ODD = "p?ss~wörd/>>+?\xff"


@pytest.mark.parametrize("before", ["", "u", "us", "use", "user-1234:"])
@pytest.mark.parametrize("after", ["", "@", "@h", "@ho"])
@pytest.mark.parametrize("secret", [SECRET, ODD])
def test_a_secret_is_masked_in_base64_at_any_offset(before: str, after: str, secret: str) -> None:
    for encode in (b64encode, urlsafe_b64encode):
        encoded = encode(f"{before}{secret}{after}".encode()).decode()
        shown = shown_text(f"Authorization: Basic {encoded}\nnext", [secret])
        assert shown.startswith("Authorization: Basic ")
        assert shown.endswith("\nnext")
        assert "***" in shown
        assert len(shown) < len("Authorization: Basic \nnext***") + len(encode((before + after).encode())) + 4


@pytest.mark.parametrize("secret", [SECRET, ODD])
def test_a_secret_is_masked_in_any_case_and_percent_encoded(secret: str) -> None:
    escaped = "".join(f"%{byte:02X}" for byte in secret.encode())
    for form in (secret, secret.upper(), secret.title(), quote(secret, safe=""), escaped, escaped.lower()):
        assert shown_text(f"a {form} b", [secret]) == "a *** b"


def test_other_texts_stay() -> None:
    text = f"100%\tof {SECRET[:-1]} and\nYWJj, ünïcode: ✓ 日本"
    assert shown_text(text, [SECRET, ""]) == text


@pytest.mark.parametrize(
    "sequence",
    [
        "\x1b[31;1m",
        "\x1b[2J\x1b[H",
        "\x1b]0;title\x07",
        "\x1b]8;;http://example.org\x1b\\",
        "\x1bPdevice\x1b\\",
        "\x1bc",
        "\x1b(B",
        "\x9b31m",
        "\x07\x08\x00\x7f\x85",
    ],
)
def test_control_sequences_are_removed(sequence: str) -> None:
    assert shown_text(f"be{sequence}fore\nafter") == "before\nafter"
    assert shown_text(f"{SECRET[:9]}{sequence}{SECRET[9:]}", [SECRET]) == "***"


def test_an_unfinished_sequence_ends_with_its_line() -> None:
    assert shown_text("a\x1b]0;title\nb\x1b[31\nc\x1b") == "a\nb\nc"


def test_a_carriage_return_ends_a_line() -> None:
    assert shown_text("10 %\r20 %\r\ndone") == "10 %\n20 %\ndone"


def test_a_lone_surrogate_becomes_an_escape() -> None:
    name = b"caf\xe9.csv".decode("utf-8", "surrogateescape")
    assert shown_text(name) == "caf\\udce9.csv"


def test_values_are_shown_at_any_depth() -> None:
    value = {"a\x07": ["b\x07", ("c\x07", 1)], "d": None}
    assert show_values(value, shown_text) == {"a": ["b", ("c", 1)], "d": None}


def test_colours_stay_if_nothing_else_is_unsafe() -> None:
    assert keep_colours("\x1b[31mred\x1b[0m", shown_text) == "\x1b[31mred\x1b[0m"
    assert keep_colours("\x1b[31mred\x1b[0m\x1b[2J", shown_text) == "red"
