"""The pipeline's writer of RecordIO, against SageMaker's bytes.

tests/aws_mock/test_recordio_of_the_pipeline.py reads back what it writes.
"""

from __future__ import annotations

import hashlib
import io

import numpy as np
import pytest
from digit_classifier.recordio import write_records

GOLDEN = (
    "0a23d7ce2d0000000a1a0a0676616c7565731210120e0a0c000000000000803e0000003f120f0a0676616c75657312053a030a0105000000"
    "0a23d7ce2d0000000a1a0a0676616c7565731210120e0a0c0000403f0000803f0000a03f120f0a0676616c75657312053a030a0100000000"
)


def encode(features: np.ndarray, labels: np.ndarray | None = None) -> bytes:
    file = io.BytesIO()
    write_records(file, features, labels)
    return file.getvalue()


def test_the_bytes_equal_those_of_the_sdk() -> None:
    features = np.array([[0, 0.25, 0.5], [0.75, 1, 1.25]], dtype=np.float32)
    assert encode(features, np.array([5, 0])).hex() == GOLDEN


@pytest.mark.parametrize(
    ("dtype", "labels", "size"),
    [(np.float32, np.array([7]), 3184), (np.float32, None, 3164), (np.float64, np.array([7.0]), 6324)],
    ids=["labelled", "unlabelled", "float64"],
)
def test_the_size_of_a_record(dtype: type, labels: np.ndarray | None, size: int) -> None:
    assert len(encode(np.zeros((1, 784), dtype=dtype), labels)) == size


def test_the_record_of_a_white_picture_equals_that_of_the_sdk() -> None:
    content = encode(np.full((1, 784), 255, dtype=np.float32))
    assert hashlib.sha256(content).hexdigest() == "d5424c6be7bc9cd389ab195e2d646282eab7b4bc73acbd2dbadaf814b2efdcf4"


@pytest.mark.parametrize(
    ("features", "labels", "message"),
    [
        (np.zeros(3, dtype=np.float32), None, "Array must be a Matrix"),
        (np.zeros((2, 3), dtype=np.float32), np.zeros((2, 1)), "Labels must be a Vector"),
        (np.zeros((2, 3), dtype=np.float32), np.zeros(3, dtype=int), "not compatible"),
        (np.zeros((2, 3), dtype=np.uint8), None, "Unsupported dtype uint8 on array"),
        (np.zeros((2, 3), dtype=np.float16), None, "Unsupported dtype float16 on array"),
        (np.zeros((2, 3), dtype=np.float32), np.zeros(2, dtype=np.int32), "Unsupported dtype int32 on labels"),
        (np.zeros((2, 3), dtype=np.float32), np.array([0, 1 << 31]), "A number on labels is beyond 32 bits"),
        (np.full((1, 3), -(1 << 31) - 1), None, "A number on array is beyond 32 bits"),
    ],
)
def test_invalid_input_is_an_error(features: np.ndarray, labels: np.ndarray | None, message: str) -> None:
    with pytest.raises(ValueError, match=message):
        encode(features, labels)


def test_no_rows_give_no_bytes() -> None:
    assert encode(np.zeros((0, 784), dtype=np.float32), np.zeros(0, dtype=int)) == b""


def test_big_endian_numbers_are_written_little_endian() -> None:
    features = np.array([[1, 2]], dtype=">f4")
    assert encode(features) == encode(features.astype("<f4"))
