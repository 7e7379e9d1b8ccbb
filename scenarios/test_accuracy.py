"""The accuracy of the clusters: most test digits are in a cluster of their digit."""

from __future__ import annotations

import numpy as np
import pytest

from harness import World
from scenarios.account import DATE, create_account, read_centroids
from scenarios.digits import Digits, Part

DAG = "aws_handwritten_digit_classifier"


@pytest.mark.fresh_later
def test_at_least_half_of_the_test_digits_are_correct(world: World, both_digits: Digits) -> None:
    """Each cluster is named after its most common training digit.

    Measured: 54 to 63 %, without labels.
    """
    create_account(world, both_digits)

    world.run(DAG, DATE)

    assert compute_accuracy(read_centroids(world), both_digits.train, both_digits.test) >= 0.5


def compute_accuracy(centroids: np.ndarray, train: Part, test: Part) -> float:
    def find_closest(part: Part) -> np.ndarray:
        return np.array([((centroids - row) ** 2).sum(axis=1).argmin() for row in part.array])

    clusters = find_closest(train)
    names = {cluster: np.bincount(train.labels[clusters == cluster]).argmax() for cluster in set(clusters)}
    predicted = [names.get(cluster, -1) for cluster in find_closest(test)]
    return float(np.mean(predicted == test.labels))
