"""Decode XCom values from the metadata database.

A value that can't be decoded stays as it is stored.
"""

from __future__ import annotations

import datetime as dt
import io
import json
import pickle
from collections.abc import Callable, Mapping
from decimal import Decimal
from typing import Any
from uuid import UUID
from zoneinfo import ZoneInfo

PICKLE = b"\x80"
"""The first byte of every pickle since protocol 2. No JSON starts with it."""


def decode_xcom(value: Any) -> Any:
    """Decode the value of one row: bytes (2.11), or JSON that psycopg decodes (3.x).

    Airflow stores an object as JSON with the name of its class (`airflow.sdk.serde`). Objects of the classes in
    DECODERS are decoded, all others stay JSON. With `enable_xcom_pickling` (2.11) the bytes are a pickle. A pickle of
    plain values is decoded; for any other the result is a text that names the first class in the pickle. Bytes in the
    format of a custom backend stay bytes.
    """
    try:
        if not isinstance(value, bytes | memoryview):
            return _decode(value)
        value = bytes(value)
        return _unpickle(value) if value.startswith(PICKLE) else _decode(json.loads(value.decode()))
    except (ValueError, RecursionError):
        return value


def _decode(value: Any) -> Any:
    if isinstance(value, list):
        return [_decode(part) for part in value]
    if not isinstance(value, dict):
        return value
    decoded = {key: _decode(part) for key, part in value.items()}
    decoder = DECODERS.get(str(value.get("__classname__")))
    if decoder is None:
        return decoded
    try:
        return decoder(decoded["__data__"])
    except Exception:  # not what Airflow writes for this class
        return decoded


def _decode_datetime(data: Mapping[str, Any]) -> dt.datetime:
    moment, stored = dt.datetime.fromtimestamp(data["timestamp"], dt.UTC), data["tz"]
    if stored is None:
        return moment.replace(tzinfo=None)  # a run's time zone is UTC
    zone = stored[0] if isinstance(stored, tuple) else stored
    if isinstance(zone, int):
        return moment.astimezone(dt.timezone(dt.timedelta(seconds=zone)))
    # Airflow stores no name for an offset of datetime.timezone: the moment is right, its offset is lost.
    return moment.astimezone(ZoneInfo(zone)) if zone else moment


def _decode_number(data: object) -> object:
    if isinstance(data, int | float):
        return data
    raise TypeError(f"{data!r} is not a number")


NUMPY = ("int8", "int16", "int32", "int64", "uint8", "uint16", "uint32", "uint64", "float16", "float32", "float64")
DECODERS: Mapping[str, Callable[[Any], Any]] = {
    "builtins.tuple": tuple,
    "builtins.set": set,
    "builtins.frozenset": frozenset,
    "datetime.date": dt.date.fromisoformat,
    "datetime.datetime": _decode_datetime,
    "datetime.timedelta": lambda seconds: dt.timedelta(seconds=seconds),
    "decimal.Decimal": lambda number: Decimal(str(number)),
    "pendulum.date.Date": dt.date.fromisoformat,
    "pendulum.datetime.DateTime": _decode_datetime,
    "uuid.UUID": UUID,
    "zoneinfo.ZoneInfo": ZoneInfo,
    **{f"numpy.{name}": _decode_number for name in (*NUMPY, "bool", "bool_")},
}
"""The class of an object in Airflow's JSON -> the function that decodes its data."""


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
    except Exception as error:  # pickle raises many kinds for bytes that are no pickle
        return f"(a broken pickle: {error})"
