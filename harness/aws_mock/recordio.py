"""Decode RecordIO-protobuf, the input format of SageMaker's algorithms.

A record is the little-endian magic 0xCED7230A, the payload's length, the payload, and zeros up to a multiple of four.
The payload is a protobuf message `aialgs.data.Record` (field numbers from the SageMaker SDK's `record.proto`).
"""

from __future__ import annotations

import struct
from collections.abc import Iterator
from functools import cache
from typing import TYPE_CHECKING, Any

from google.protobuf import descriptor_pb2, descriptor_pool, message_factory

if TYPE_CHECKING:
    import numpy as np

MAGIC = 0xCED7230A
HEAD = struct.Struct("<II")
TENSORS = ("float32_tensor", "float64_tensor", "int32_tensor")
NAME = "values"


class RecordIOError(ValueError):
    """Data that is not valid RecordIO. The text names the record and its position."""


def read_records(data: bytes) -> tuple[np.ndarray[Any, np.dtype[np.float32]], np.ndarray[Any, Any] | None]:
    """Return the features (records x features) and the labels (None if no record has one).

    Raises RecordIOError.
    """
    import numpy as np

    features, labels = [], []
    for number, (offset, payload) in enumerate(iter_payloads(data)):
        try:
            record = _message_class().FromString(payload)
        except Exception as error:  # The exception's type depends on protobuf's backend.
            raise RecordIOError(f"record {number} at byte {offset} is not a protobuf message: {error}") from error
        features.append(_read_dense(record.features, f"record {number} at byte {offset}"))
        if record.label:
            labels.append(_read_dense(record.label, f"the label of record {number} at byte {offset}"))
    if not features:
        raise RecordIOError("no record")
    widths = {len(row) for row in features}
    if len(widths) > 1:
        raise RecordIOError(f"the records differ in their number of features: {sorted(widths)}")
    if labels and len(labels) != len(features):
        raise RecordIOError("some records have a label, others have none")
    rows = np.asarray(features, dtype=np.float32)
    return rows, np.concatenate(labels) if labels else None


def iter_payloads(data: bytes) -> Iterator[tuple[int, bytes]]:
    """Yield (offset, payload) of each record. Raises RecordIOError."""
    offset = 0
    while offset < len(data):
        if offset + HEAD.size > len(data):
            raise RecordIOError(f"the data ends inside the header of a record, at byte {offset}")
        magic, length = HEAD.unpack_from(data, offset)
        if magic != MAGIC:
            raise RecordIOError(f"no record begins at byte {offset}: {magic:#010x} is not {MAGIC:#010x}")
        begin = offset + HEAD.size
        end = begin + length
        padded = end + -length % 4
        if padded > len(data):
            raise RecordIOError(f"the record at byte {offset} is cut off: {length} bytes announced")
        if any(data[end:padded]):
            raise RecordIOError(f"the record at byte {offset} is not padded with zeros")
        yield offset, data[begin:end]
        offset = padded


def _read_dense(values: Any, what: str) -> np.ndarray[Any, Any]:
    import numpy as np

    if set(values) != {NAME}:
        raise RecordIOError(f"{what} has {', '.join(map(str, values)) or 'nothing'}, not {NAME}")
    value = values[NAME]
    kind = value.WhichOneof("value")
    if kind not in TENSORS:
        raise RecordIOError(f"{what} holds {kind or 'nothing'}, not a tensor of numbers")
    tensor = getattr(value, kind)
    if tensor.keys or tensor.shape:
        raise RecordIOError(f"{what} is a sparse tensor, or one with a shape: the AWS mock reads only dense rows")
    return np.asarray(tensor.values)


@cache
def _message_class() -> Any:
    """Build the class of `aialgs.data.Record` without a generated module or a compiler."""
    file = descriptor_pb2.FileDescriptorProto(name="aws_mock/record.proto", package="aialgs.data", syntax="proto2")
    field = descriptor_pb2.FieldDescriptorProto
    for name, kind in (
        ("Float32Tensor", field.TYPE_FLOAT),
        ("Float64Tensor", field.TYPE_DOUBLE),
        ("Int32Tensor", field.TYPE_INT32),
    ):
        tensor = file.message_type.add(name=name)
        for part, number, of in (("values", 1, kind), ("keys", 2, field.TYPE_UINT64), ("shape", 3, field.TYPE_UINT64)):
            added = tensor.field.add(name=part, number=number, type=of, label=field.LABEL_REPEATED)
            added.options.packed = True
    file.message_type.add(name="Bytes").field.add(
        name="value", number=1, type=field.TYPE_BYTES, label=field.LABEL_REPEATED
    )
    value = file.message_type.add(name="Value")
    value.oneof_decl.add(name="value")
    for part, number, of in (
        ("float32_tensor", 2, "Float32Tensor"),
        ("float64_tensor", 3, "Float64Tensor"),
        ("int32_tensor", 7, "Int32Tensor"),
        ("bytes", 9, "Bytes"),
    ):
        value.field.add(
            name=part,
            number=number,
            type=field.TYPE_MESSAGE,
            label=field.LABEL_OPTIONAL,
            type_name=f".aialgs.data.{of}",
            oneof_index=0,
        )
    record = file.message_type.add(name="Record")
    for part, number in (("features", 1), ("label", 2)):
        entry = record.nested_type.add(name=f"{part.title()}Entry")
        entry.options.map_entry = True
        entry.field.add(name="key", number=1, type=field.TYPE_STRING, label=field.LABEL_OPTIONAL)
        entry.field.add(
            name="value", number=2, type=field.TYPE_MESSAGE, label=field.LABEL_OPTIONAL, type_name=".aialgs.data.Value"
        )
        record.field.add(
            name=part,
            number=number,
            type=field.TYPE_MESSAGE,
            label=field.LABEL_REPEATED,
            type_name=f".aialgs.data.Record.{part.title()}Entry",
        )
    for part, number in (("uid", 3), ("metadata", 4), ("configuration", 5)):
        record.field.add(name=part, number=number, type=field.TYPE_STRING, label=field.LABEL_OPTIONAL)
    pool = descriptor_pool.DescriptorPool()
    pool.Add(file)
    return message_factory.GetMessageClass(pool.FindMessageTypeByName("aialgs.data.Record"))
