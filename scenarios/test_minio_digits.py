"""The DAG minio_handwritten_digit_classifier: convert the digits to SageMaker's format."""

from __future__ import annotations

import numpy as np

from harness import World
from harness.aws_mock.recordio import read_records
from scenarios.account import SOURCE_BUCKET, SOURCE_KEY
from scenarios.digits import Digits, pack

DAG = "minio_handwritten_digit_classifier"
DATE = "2021-03-04"
RECORD = 3184
"""Size in bytes of a record with 784 pixels and a label."""


def test_the_digits_become_records(world: World, both_digits: Digits) -> None:
    world.put(SOURCE_BUCKET, SOURCE_KEY, pack(both_digits))

    world.run(DAG, DATE)

    assert world.keys("data") == ["mnist.pkl.gz", "mnist_data"]
    assert world.read("data", "mnist.pkl.gz") == pack(both_digits)
    content = world.read("data", "mnist_data")
    train = both_digits.train
    assert len(content) == len(train.labels) * RECORD
    features, labels = read_records(content)
    assert np.array_equal(features, train.array)
    assert labels is not None
    assert np.array_equal(labels, train.labels)


def test_missing_sample_data_fails_the_run(world: World) -> None:
    """The sample data comes from RUN_FIRST_setup_env."""
    run = world.run(DAG, DATE, expect="failure")

    assert run.tasks["copy_mnist_data"].state == "failed"
    assert run.tasks["extract_mnist_data"].state == "upstream_failed"
    assert "NoSuchKey" in run.log
    assert world.keys("data") == []
