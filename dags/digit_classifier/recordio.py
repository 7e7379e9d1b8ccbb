"""Write RecordIO-protobuf, the input format of SageMaker's algorithms.

The SageMaker SDK dropped its writer in version 3. Each record is the magic 0xCED7230A, the payload's length, the
payload (a protobuf message aialgs.data.Record with one dense tensor for the features and one for the label) and zeros
up to a multiple of four bytes. All numbers are little-endian.
"""

import struct

import numpy as np

MAGIC = 0xCED7230A
BYTES = 2
"""Protobuf's wire type of length-delimited values: messages, strings and packed numbers."""
FEATURES, LABEL = 1, 2
KEY, VALUE = 1, 2
NAME = b"values"


def write_records(file, features, labels=None):
    """Write a record for each row of `features` (a matrix) to `file`.

    `labels`: a vector with a label for each row, or None. float32, float64 and the platform's int become tensors of the
    same type. Raises ValueError for another type or shape, and for an int of more than 32 bits.
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
    """Return a function that encodes a row of these numbers as a Value message."""
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
    """Encode an entry of a protobuf map: SageMaker's name of the tensor, and the tensor."""
    return _field(number, _field(KEY, NAME) + _field(VALUE, value))


def _field(number, content):
    return _varint(number << 3 | BYTES) + _varint(len(content)) + content


def _varint(value):
    """Encode seven bits a byte, lowest first; a negative number becomes its 64-bit complement."""
    value &= 0xFFFFFFFFFFFFFFFF
    parts = bytearray()
    while value > 0x7F:
        parts.append(value & 0x7F | 0x80)
        value >>= 7
    parts.append(value)
    return bytes(parts)
