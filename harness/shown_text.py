"""Make texts safe to show: valid Unicode, no control sequences of a terminal, no secrets."""

from __future__ import annotations

import re
from base64 import b64encode
from collections.abc import Callable, Iterable
from functools import lru_cache
from typing import Any

MASK = "***"
UNSAFE = re.compile("[\x00-\x08\x0b-\x1f\x7f-\x9f\ud800-\udfff]")
ESCAPES = re.compile(
    r"\x1b\][^\x07\x1b\n]*(?:\x07|\x1b\\)?"  # an operating system command, such as a title or a link
    r"|\x1b[PX^_][^\x1b\n]*(?:\x1b\\)?"  # a string for the device or an application
    r"|(?:\x1b\[|\x9b)[0-?]*[ -/]*[@-~]?"  # a control sequence, such as a colour or a movement
    r"|\x1b[ -/]*[0-~]?"
)
COLOURS = re.compile(r"\x1b\[[0-9;]*m")


def shown_text(text: str, secrets: Iterable[str] = ()) -> str:
    """Return `text` without control characters, and with each of the `secrets` masked.

    Lone surrogates, which can't be encoded, become escapes such as `\\udcff`.
    """
    if UNSAFE.search(text):
        text = ESCAPES.sub("", re.sub(r"\r\n?", "\n", text))
        text = re.sub("[\x00-\x08\x0b-\x1f\x7f-\x9f]", "", text).encode("utf-8", "backslashreplace").decode()
    return hide_secrets(text, secrets)


def hide_secrets(text: str, secrets: Iterable[str]) -> str:
    """Return `text` with each of the `secrets` masked, and nothing else changed."""
    for secret in filter(None, secrets):
        text = _mask(text, secret)
    return text


def show_values(value: Any, show: Callable[[str], str]) -> Any:
    """Return the JSON value with `show` applied to all keys and texts."""
    if isinstance(value, str):
        return show(value)
    if isinstance(value, dict):
        return {show_values(key, show): show_values(inner, show) for key, inner in value.items()}
    if isinstance(value, list | tuple):
        return type(value)(show_values(inner, show) for inner in value)
    return value


def keep_colours(text: str, show: Callable[[str], str]) -> str:
    """Apply `show`, but keep the text's colours if nothing else in the text changes."""
    plain = COLOURS.sub("", text)
    shown = show(plain)
    return text if shown == plain else shown


def _mask(text: str, secret: str) -> str:
    """Mask the secret in any case, percent-encoded, and inside a Base64 text.

    Basic authentication, for example, sends such a Base64 text.
    """
    pattern, escapes, encoded = _forms(secret)
    lowered = text.lower()
    # The pattern is slow in a long log, and most texts contain no secret.
    if secret.lower() in lowered or any(escape in lowered for escape in escapes):
        text = pattern.sub(MASK, text)
    for part in encoded:
        if part in text:
            # The characters at both ends of the part also hold bits of its neighbours.
            text = re.sub(rf"[\w+/-]?{re.escape(part)}[\w+/-]?=*", MASK, text)
    return text


@lru_cache(maxsize=256)
def _forms(secret: str) -> tuple[re.Pattern[str], frozenset[str], frozenset[str]]:
    """Return the secret's pattern, percent escapes and possible parts of Base64 texts.

    The percent escapes are those of the secret's characters.
    """
    escapes = {char: "".join(f"%{byte:02x}" for byte in char.encode("utf-8", "surrogatepass")) for char in secret}
    pattern = re.compile("".join(f"(?:{re.escape(char)}|{escapes[char]})" for char in secret), re.IGNORECASE)
    content = secret.encode("utf-8", "surrogatepass")
    # Three bytes become four characters, so a secret has three forms, depending on the length of the text before it.
    whole = [
        b64encode(bytes(before) + content).decode()[-(-before * 8 // 6) : (before + len(content)) * 8 // 6]
        for before in range(3)
    ]
    variants = {variant for part in whole for variant in (part, part.replace("+", "-").replace("/", "_"))}
    return pattern, frozenset(escapes.values()), frozenset(variant for variant in variants if len(variant) > 3)
