"""The document of one object in recorded evidence.

It has the content, type, metadata, tags, and a summary of a table.
"""

from __future__ import annotations

from base64 import b64encode
from collections.abc import Callable, Mapping
from typing import IO

from harness.evidence.document import ObjectDocument, TabularSummary
from harness.evidence.tabular import NoTableError, find_format, summarise
from harness.shown_text import show_values

LARGEST_CONTENT = 1 << 20
"""Bytes of the largest content that a document has."""
METADATA = "x-amz-meta-"


def describe_object(
    size: int,
    sha256: str,
    content: IO[bytes] | None,
    headers: Mapping[str, str],
    tags: Mapping[str, str],
    key: str,
    hide: Callable[[str], str],
) -> tuple[ObjectDocument, str | None]:
    """Return the document of an object, and what it lacks.

    `content` may be cut if the object is larger than LARGEST_CONTENT and its key has no format of a table; None if it
    can't be had. `headers` are those of the answer to GET. `hide` masks secrets.
    """
    named = {name.lower(): value for name, value in sorted(headers.items())}
    text = base64 = incomplete = None
    if content and size <= LARGEST_CONTENT:
        text, base64 = encode_content(content.read(), hide)
        content.seek(0)
        if text is None and base64 is None:
            incomplete = "its content has a secret and is no text, so it is left out"
    content_type = named.get("content-type")
    table, no_table = _summarise(content, key, content_type, size)
    if table:
        table = table.model_copy(update={"columns": show_values(table.columns, hide)})
    document = ObjectDocument(
        size=size,
        sha256=sha256,
        content_type=content_type,
        metadata=show_values(
            {name.removeprefix(METADATA): value for name, value in named.items() if name.startswith(METADATA)},
            hide,
        ),
        tags=show_values(dict(tags), hide),
        text=text,
        base64=base64,
        table=table,
    )
    return document, "; ".join(filter(None, (incomplete, no_table))) or None


def encode_content(content: bytes, hide: Callable[[str], str]) -> tuple[str | None, str | None]:
    """Return the content as a text or as base64; neither if it is no text and has a secret."""
    try:
        text = content.decode()
    except UnicodeDecodeError:
        text = "\0"
    if "\0" not in text:
        return hide(text), None
    raw = content.decode("latin-1")
    return None, b64encode(content).decode() if hide(raw) == raw else None


def _summarise(
    content: IO[bytes] | None, key: str, content_type: str | None, size: int
) -> tuple[TabularSummary | None, str | None]:
    form = find_format(key, content_type)
    if form is None or not size:
        return None, None
    if content is None:
        return None, f"no summary of its table, because it is larger than {LARGEST_CONTENT >> 20} MiB"
    try:
        return summarise(content, form, size), None
    except NoTableError as error:
        # A small object has its content, so that the evidence lacks nothing.
        return (
            None,
            f"no summary of its table, because {error}" if size > LARGEST_CONTENT or form == "parquet" else None,
        )
