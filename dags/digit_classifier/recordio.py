"""RecordIO-protobuf, written: the format that SageMaker's own algorithms read.

The SageMaker SDK dropped its writer in version 3. Each record is the magic 0xCED7230A, the payload's length, the
payload (a protobuf message aialgs.data.Record with one dense tensor for the features and one for the label) and zeros
up to a multiple of four bytes. All numbers are little-endian.
"""

import struct

import numpy as np

MAGIC = 0xCED7230A
BYTES = 2
"""Protobuf's wire type of whatever has a length: messages, texts, packed numbers."""
FEATURES, LABEL = 1, 2
KEY, VALUE = 1, 2
NAME = b"values"


def write_records(file, features, labels=None):
    """Writes one record for each row of `features` (a matrix) to `file`, with its label of `labels` (a vector), if any.

    float32, float64 and the platform's int go into tensors of their kind. Raises ValueError for another type or shape,
    and for an int that does not fit into the format's 32 bits.
    """
    if features.ndim != 2:
        raise ValueError("Array must be a Matrix")
    if labels is not None:
        if labels.ndim != 1:
            raise ValueError("Labels must be a Vector")
        if len(labels) != len(features):
            raise ValueError(f"Label shape {labels.shape} not compatible with array shape {features.shape}")
        label_tensor = _tensor_of(labels, "labels")
    tensor = _tensor_of(features, "array")
    for number, row in enumerate(features):
        payload = _entry(FEATURES, tensor(row))
        if labels is not None:
            payload += _entry(LABEL, label_tensor(labels[number : number + 1]))
        file.write(struct.pack("<II", MAGIC, len(payload)) + payload + bytes(-len(payload) % 4))


def _tensor_of(numbers, what):
    """The function that makes a Value message of some of these numbers."""
    dtype = numbers.dtype.newbyteorder("=")
    if dtype == np.dtype("float32"):
        return lambda row: _field(2, _field(1, row.astype("<f4").tobytes()))
    if dtype == np.dtype("float64"):
        return lambda row: _field(3, _field(1, row.astype("<f8").tobytes()))
    if dtype == np.dtype(int):
        if numbers.size and not (numbers.min() >= -(2**31) and numbers.max() < 2**31):
            raise ValueError(f"A number on {what} is beyond 32 bits")
        return lambda row: _field(7, _field(1, b"".join(_varint(int(value)) for value in row)))
    raise ValueError(f"Unsupported dtype {dtype} on {what}")


def _entry(number, value):
    """An entry of a protobuf map: SageMaker's name for the one tensor, and the tensor."""
    return _field(number, _field(KEY, NAME) + _field(VALUE, value))


def _field(number, content):
    return _varint(number << 3 | BYTES) + _varint(len(content)) + content


def _varint(value):
    """Seven bits to a byte, lowest first; a negative number as its 64-bit complement."""
    value &= 0xFFFFFFFFFFFFFFFF
    parts = bytearray()
    while value > 0x7F:
        parts.append(value & 0x7F | 0x80)
        value >>= 7
    parts.append(value)
    return bytes(parts)
