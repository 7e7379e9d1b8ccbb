"""XCom values as the metadata database stores them."""

from __future__ import annotations

import io
import json
import pickle
from typing import Any

PICKLE = b"\x80"
"""The first byte of every pickle since protocol 2. No JSON starts with it."""


def decoded(value: Any) -> Any:
    """The value of one row: 2.11 stores JSON as bytes, 3.x in a JSON column, which psycopg has decoded already.

    With `enable_xcom_pickling`, which 2.11 still has, the bytes are a pickle. It is read where it holds plain
    values alone; for another, the answer is a text that names the first class in it.
    """
    if not isinstance(value, bytes | memoryview):
        return value
    stored = bytes(value)
    return json.loads(stored) if not stored.startswith(PICKLE) else _unpickled(stored)


class _NotPlainError(Exception):
    """Its text is the class."""


class _PlainValues(pickle.Unpickler):
    """Numbers, texts and their containers: they need no class, and a class is how a pickle runs code."""

    def find_class(self, module: str, name: str) -> Any:
        raise _NotPlainError(f"{module}.{name}")


def _unpickled(stored: bytes) -> Any:
    try:
        return _PlainValues(io.BytesIO(stored)).load()
    except _NotPlainError as error:
        return f"(a pickle, not read: it holds {error})"
    except (pickle.UnpicklingError, EOFError, ValueError, IndexError, KeyError, AttributeError, TypeError) as error:
        return f"(a broken pickle: {error})"
