"""Decode XCom values from the metadata database."""

from __future__ import annotations

import io
import json
import pickle
from typing import Any

PICKLE = b"\x80"
"""The first byte of every pickle since protocol 2. No JSON starts with it."""


def decode_xcom(value: Any) -> Any:
    """Decode the value of one row: bytes with JSON (2.11), or JSON that psycopg decodes (3.x).

    With `enable_xcom_pickling` (2.11) the bytes are a pickle. A pickle of plain values is decoded; for any other the
    result is a text that names the first class in the pickle.
    """
    if not isinstance(value, bytes | memoryview):
        return value
    stored = bytes(value)
    return json.loads(stored) if not stored.startswith(PICKLE) else _unpickle(stored)


class _NotPlainError(Exception):
    """The pickle refers to a class, which the message names."""


class _PlainUnpickler(pickle.Unpickler):
    """Load plain values only, because a pickle runs code through classes."""

    def find_class(self, module: str, name: str) -> Any:
        raise _NotPlainError(f"{module}.{name}")


def _unpickle(stored: bytes) -> Any:
    try:
        return _PlainUnpickler(io.BytesIO(stored)).load()
    except _NotPlainError as error:
        return f"(a pickle, not read: it holds {error})"
    except (pickle.UnpicklingError, EOFError, ValueError, IndexError, KeyError, AttributeError, TypeError) as error:
        return f"(a broken pickle: {error})"
