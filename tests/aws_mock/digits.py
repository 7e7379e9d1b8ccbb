"""scikit-learn's handwritten digits in MNIST's format: 28x28 pixels from 0 to 1."""

from __future__ import annotations

from functools import cache
from typing import NamedTuple

import numpy as np


class Digits(NamedTuple):
    train: np.ndarray
    names: np.ndarray
    test: np.ndarray
    test_names: np.ndarray


@cache
def digits() -> Digits:
    """Return 1,500 digits for training and 297 for tests, three times as large and padded."""
    from sklearn.datasets import load_digits

    data = load_digits()
    wide = np.kron(data.images / 16, np.ones((3, 3)))
    pixels = np.pad(wide, ((0, 0), (2, 2), (2, 2))).reshape(-1, 784).astype(np.float32)
    return Digits(pixels[:1500], data.target[:1500], pixels[1500:], data.target[1500:])
