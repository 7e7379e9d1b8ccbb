"""Handwritten digits: scikit-learn's in the format of MNIST, and MNIST's own files."""

from __future__ import annotations

import gzip
import io
import pickle
import sys
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any

import numpy as np
from PIL import Image

from harness import HarnessError

sys.path.append(str(Path(__file__).parents[1] / "dags"))
SIDE = 28

Pixels = np.ndarray[Any, np.dtype[np.float32]]


class DigitsError(HarnessError):
    """An invalid file of digits."""


@dataclass(frozen=True)
class Part:
    """Digits and their labels.

    `array`: digits x 784 pixels from 0 to 1, float32. `labels`: the digits' values, int64.
    """

    array: Pixels
    labels: np.ndarray[Any, np.dtype[np.int64]]


@dataclass(frozen=True)
class Digits:
    train: Part
    valid: Part
    test: Part


@cache
def load_bundled() -> Digits:
    """Load scikit-learn's 1,797 digits, enlarged to 28 x 28 pixels; two thirds for training."""
    from sklearn.datasets import load_digits

    data = load_digits()
    array = np.stack([_enlarge(image) for image in data.images])
    labels = data.target.astype(np.int64)
    parts = [Part(array[begin:end], labels[begin:end]) for begin, end in ((0, 1200), (1200, 1400), (1400, None))]
    return Digits(*parts)


def _enlarge(image: np.ndarray[Any, Any]) -> Pixels:
    """Enlarge 8 x 8 pixels from 0 to 16. The result has steps of 1/255, as MNIST has."""
    grey = Image.fromarray((image / 16 * 255).round().astype(np.uint8))
    return np.asarray(grey.resize((SIDE, SIDE), Image.Resampling.BILINEAR), dtype=np.float32).reshape(-1) / 255


def pack(digits: Digits) -> bytes:
    """Encode digits as mnist.pkl.gz, a pickle of three pairs. Equal digits give equal bytes."""
    pairs = tuple((part.array, part.labels) for part in (digits.train, digits.valid, digits.test))
    return gzip.compress(pickle.dumps(pairs, protocol=2), compresslevel=1, mtime=0)


def read(file: Path) -> Digits:
    """Read an mnist.pkl.gz of three pairs with the pipeline's reader. Raises DigitsError."""
    from digit_classifier.pickled import RefusedPickleError, load

    try:
        with file.open("rb") as stream:
            parts = [Part(array, labels) for array, labels in load(stream)]
    except OSError as error:
        raise DigitsError(f"--mnist {file}: {error.strerror}. Give a readable mnist.pkl.gz.") from error
    except RefusedPickleError as error:
        raise DigitsError(f"--mnist {file}: {error}") from error
    return Digits(*parts)


def encode_jpeg(pixels: Pixels) -> bytes:
    """Encode a digit as a grey JPEG of 28 x 28 pixels."""
    grey = Image.fromarray((pixels.reshape(SIDE, SIDE) * 255).round().astype(np.uint8))
    file = io.BytesIO()
    grey.save(file, "JPEG", quality=95)
    return file.getvalue()


def decode_pixels(image: bytes) -> Pixels:
    """Decode an image file into 784 pixels from 0 to 1. JPEG changes them slightly."""
    return np.asarray(Image.open(io.BytesIO(image)).convert("L"), dtype=np.float32).reshape(-1) / 255
