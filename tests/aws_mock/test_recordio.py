"""Decoding RecordIO-protobuf, and errors that name the position."""

from __future__ import annotations

import hashlib
import struct

import numpy as np
import pytest

from harness.aws_mock.recordio import RecordIOError, read_records
from tests.aws_mock.wire import BYTES, FLOAT32, FLOAT64, block, entry, frame, integers, recordio, tensor

# Written by the SageMaker SDK 2.59.6: two rows of float32, labels of int64.
GOLDEN = bytes.fromhex(
    "0a23d7ce2d0000000a1a0a0676616c7565731210120e0a0c000000000000803e0000003f120f0a0676616c75657312053a030a0105000000"
    "0a23d7ce2d0000000a1a0a0676616c7565731210120e0a0c0000403f0000803f0000a03f120f0a0676616c75657312053a030a0100000000"
)
# SHA-256 of the same SDK's record of 784 times 255.0, without a label.
WHITE = "d5424c6be7bc9cd389ab195e2d646282eab7b4bc73acbd2dbadaf814b2efdcf4"


def test_records_of_the_sdk_are_read() -> None:
    features, labels = read_records(GOLDEN)
    assert features.dtype == np.float32
    assert features.tolist() == [[0.0, 0.25, 0.5], [0.75, 1.0, 1.25]]
    assert labels is not None
    assert labels.tolist() == [5, 0]


def test_the_encoder_of_these_tests_equals_the_sdk() -> None:
    assert recordio([[0, 0.25, 0.5], [0.75, 1, 1.25]], [5, 0]) == GOLDEN
    assert hashlib.sha256(recordio([[255.0] * 784])).hexdigest() == WHITE


def test_records_without_labels_are_read() -> None:
    features, labels = read_records(recordio([[255.0] * 784]))
    assert features.shape == (1, 784)
    assert (features == 255).all()
    assert labels is None


def test_digits_are_read_exactly() -> None:
    rows = np.random.default_rng(7).random((300, 784), dtype=np.float32)
    data = recordio(rows.tolist(), range(300))
    assert len(data) == 300 * 3184
    features, labels = read_records(data)
    assert (features == rows).all()
    assert labels is not None
    assert labels.tolist() == list(range(300))


@pytest.mark.parametrize(
    ("value", "expected"),
    [
        (tensor(FLOAT64, [0.1, -2.0]), [0.1, -2.0]),
        (integers([3, -4]), [3.0, -4.0]),
        # Unpacked: a tag before every number, which a protobuf reader must accept too.
        (block(FLOAT32[0], b"".join(b"\x0d" + struct.pack("<f", number) for number in (1.0, 2.0))), [1.0, 2.0]),
    ],
    ids=["float64", "int32", "unpacked"],
)
def test_other_number_types_are_read(value: bytes, expected: list[float]) -> None:
    features, _ = read_records(frame(entry(1, value)))
    assert features.dtype == np.float32
    assert features.tolist() == [pytest.approx(expected)]


def test_other_fields_of_a_record_are_ignored() -> None:
    uid = block(3, b"a-name")
    features, _ = read_records(frame(entry(1, tensor(FLOAT32, [1.0])) + uid))
    assert features.tolist() == [[1.0]]


GOOD = recordio([[1.0, 2.0]])
SECOND = len(GOOD)


@pytest.mark.parametrize(
    ("data", "reason"),
    [
        (b"", "no record"),
        (GOOD + b"\x0a\x23\xd7", f"header of a record, at byte {SECOND}"),
        (GOOD + b"\xce\xd7\x23\x0a" + GOOD[4:], f"byte {SECOND}: 0x0a23d7ce is not 0xced7230a"),
        (GOOD + GOOD[:-1], f"record at byte {SECOND} is cut off"),
        (GOOD + GOOD[:4] + struct.pack("<I", 2**32 - 1) + GOOD[8:], f"record at byte {SECOND} is cut off: 4294967295"),
        (GOLDEN[:-1] + b"\x01", "record at byte 56 is not padded with zeros"),
        (GOOD + frame(b"\xff" * 8), f"record 1 at byte {SECOND} is not a protobuf"),
        (GOOD + frame(b""), f"record 1 at byte {SECOND} has nothing"),
        (GOOD + frame(entry(1, tensor(FLOAT32, [1.0, 2.0]), b"pixels")), f"record 1 at byte {SECOND} has pixels"),
        (GOOD + frame(entry(1, tensor(FLOAT32, [1.0, 2.0]), b"\xff\xfe")), f"record 1 at byte {SECOND}"),
        (GOOD + frame(entry(1, b"")), f"record 1 at byte {SECOND} holds nothing"),
        (GOOD + frame(entry(1, block(BYTES, block(1, b"jpeg")))), f"record 1 at byte {SECOND} holds bytes"),
        (GOOD + frame(entry(1, tensor(FLOAT32, [1.0, 2.0], block(2, b"\x00\x01")))), "sparse"),
        (GOOD + frame(entry(1, tensor(FLOAT32, [1.0, 2.0], block(3, b"\x02")))), "sparse"),
        (GOOD + recordio([[1.0]]), "differ in their number of features: [1, 2]"),
        (GOOD + recordio([[1.0, 2.0]], [3]), "some records have a label"),
        (frame(entry(1, tensor(FLOAT32, [1.0])) + entry(2, integers([1], BYTES))), "the label of record 0"),
    ],
    ids=lambda value: value if isinstance(value, str) else "",
)
def test_an_error_names_the_position(data: bytes, reason: str) -> None:
    with pytest.raises(RecordIOError) as caught:
        read_records(data)
    assert reason in str(caught.value)


def test_a_changed_byte_never_raises_another_exception() -> None:
    """Replaces every byte in turn: read_records returns rows or raises RecordIOError."""
    data = recordio([[1.0, 2.0], [3.0, 4.0]], [5, 6])
    errors = 0
    for place in range(len(data)):
        for value in (0x00, 0x0A, 0x7F, 0xFF, data[place] ^ 1, data[place] ^ 0x80):
            try:
                read_records(data[:place] + bytes([value]) + data[place + 1 :])
            except RecordIOError:
                errors += 1
    assert errors > len(data)


def test_truncated_data_is_an_error() -> None:
    data = recordio([[1.0, 2.0], [3.0, 4.0]], [5, 6])
    half = len(data) // 2
    for end in range(len(data)):
        if end == half:
            assert read_records(data[:end])[0].tolist() == [[1.0, 2.0]]
        else:
            with pytest.raises(RecordIOError):
                read_records(data[:end])


def test_integer_labels_are_exact() -> None:
    _, labels = read_records(recordio([[0.0]] * 3, [2**31 - 1, -(2**31), 0]))
    assert labels is not None
    assert labels.tolist() == [2**31 - 1, -(2**31), 0]
