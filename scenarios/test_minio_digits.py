"""The DAG minio_handwritten_digit_classifier: the digits in the format that SageMaker reads, in MinIO."""

from __future__ import annotations

import numpy as np

from harness import World
from harness.aws_twin.recordio import records
from scenarios.account import SOURCE_BUCKET, SOURCE_KEY
from scenarios.digits import Digits, packed

DAG = "minio_handwritten_digit_classifier"
DATE = "2021-03-04"
RECORD = 3184
"""Bytes of a record of 784 pixels and a label."""


def test_the_digits_arrive_as_records(world: World, both_digits: Digits) -> None:
    world.put(SOURCE_BUCKET, SOURCE_KEY, packed(both_digits))

    world.run(DAG, DATE)

    assert world.keys("data") == ["mnist.pkl.gz", "mnist_data"]
    assert world.read("data", "mnist.pkl.gz") == packed(both_digits)
    content = world.read("data", "mnist_data")
    train = both_digits.train
    assert len(content) == len(train.labels) * RECORD
    features, labels = records(content)
    assert np.array_equal(features, train.array)
    assert labels is not None
    assert np.array_equal(labels, train.labels)


def test_without_the_sample_data(world: World) -> None:
    """RUN_FIRST_setup_env has its name for a reason."""
    run = world.run(DAG, DATE, expect="failure")

    assert run.tasks["copy_mnist_data"].state == "failed"
    assert run.tasks["extract_mnist_data"].state == "upstream_failed"
    assert "NoSuchKey" in run.log
    assert world.keys("data") == []
