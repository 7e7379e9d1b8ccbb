"""The mock reads what the pipeline's writer of RecordIO-protobuf writes."""

from __future__ import annotations

import importlib.util
import io
from pathlib import Path

import numpy as np
import pytest

from harness.aws_mock.recordio import read_records

SOURCE = Path(__file__).parents[2] / "dags" / "digit_classifier" / "recordio.py"


def written(features: np.ndarray, labels: np.ndarray) -> bytes:
    spec = importlib.util.spec_from_file_location("recordio_of_the_pipeline", SOURCE)
    assert spec
    assert spec.loader
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    file = io.BytesIO()
    module.write_records(file, features, labels)
    return file.getvalue()


@pytest.mark.parametrize("width", [1, 3, 31, 32, 127, 128, 784, 5000])
def test_what_was_written_is_read_back(width: int) -> None:
    drawn = np.random.default_rng(width)
    features = drawn.random((5, width), dtype=np.float32)
    labels = drawn.integers(-3, 300, 5)
    found, names = read_records(written(features, labels))
    assert np.array_equal(found, features)
    assert np.array_equal(names, labels)


def test_the_widest_labels() -> None:
    widest = np.array([-(1 << 31), (1 << 31) - 1])
    _, labels = read_records(written(np.zeros((2, 1), dtype=np.float32), widest))
    assert np.array_equal(labels, widest)
