"""RecordIO-protobuf encoded byte by byte, independent of the decoder's library."""

from __future__ import annotations

import struct
from collections.abc import Iterable, Sequence

MAGIC = bytes.fromhex("0a23d7ce")
# Field of the tensor in Value, and struct's format letter of its numbers.
FLOAT32, FLOAT64 = (2, "f"), (3, "d")
INT32, BYTES = 7, 9


def frame(payload: bytes) -> bytes:
    return MAGIC + struct.pack("<I", len(payload)) + payload + bytes(-len(payload) % 4)


def recordio(rows: Iterable[Sequence[float]], labels: Iterable[int] = ()) -> bytes:
    """Encode dense float32 records, with labels if given."""
    features = [entry(1, tensor(FLOAT32, row)) for row in rows]
    encoded = [entry(2, integers([label])) for label in labels] or [b""] * len(features)
    return b"".join(frame(row + label) for row, label in zip(features, encoded, strict=True))


def entry(field: int, value: bytes, name: bytes = b"values") -> bytes:
    """Encode an entry of the map `features` (1) or `label` (2)."""
    return block(field, block(1, name) + block(2, value))


def tensor(kind: tuple[int, str], values: Sequence[float], extra: bytes = b"") -> bytes:
    field, letter = kind
    return block(field, block(1, struct.pack(f"<{len(values)}{letter}", *values)) + extra)


def integers(values: Sequence[int], field: int = INT32) -> bytes:
    return block(field, block(1, b"".join(varint(value % 2**64) for value in values)))


def block(field: int, content: bytes) -> bytes:
    """Encode a length-delimited field."""
    return varint(field << 3 | 2) + varint(len(content)) + content


def varint(number: int) -> bytes:
    parts = []
    while number > 0x7F:
        parts.append(number & 0x7F | 0x80)
        number >>= 7
    return bytes([*parts, number])
