"""Handwritten digits: scikit-learn's bundled ones in the layout of MNIST, and files of MNIST itself."""

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
    """A file of digits can't be used."""


@dataclass(frozen=True)
class Part:
    """`array`: a row of 784 pixels from 0 to 1 for each digit, float32; `labels`: which digit it is, int64."""

    array: Pixels
    labels: np.ndarray[Any, np.dtype[np.int64]]


@dataclass(frozen=True)
class Digits:
    train: Part
    valid: Part
    test: Part


@cache
def bundled() -> Digits:
    """scikit-learn's 1,797 digits of 8 x 8 pixels, brought to 28 x 28; two thirds to train with."""
    from sklearn.datasets import load_digits

    found = load_digits()
    array = np.stack([_enlarged(image) for image in found.images])
    labels = found.target.astype(np.int64)
    parts = [Part(array[begin:end], labels[begin:end]) for begin, end in ((0, 1200), (1200, 1400), (1400, None))]
    return Digits(*parts)


def _enlarged(image: np.ndarray[Any, Any]) -> Pixels:
    """Of 8 x 8 pixels from 0 to 16. In steps of 255ths, as MNIST's are."""
    grey = Image.fromarray((image / 16 * 255).round().astype(np.uint8))
    return np.asarray(grey.resize((SIDE, SIDE), Image.Resampling.BILINEAR), dtype=np.float32).reshape(-1) / 255


def packed(digits: Digits) -> bytes:
    """As mnist.pkl.gz: a pickle of three pairs. The same bytes for the same digits."""
    pairs = tuple((part.array, part.labels) for part in (digits.train, digits.valid, digits.test))
    return gzip.compress(pickle.dumps(pairs, protocol=2), compresslevel=1, mtime=0)


def read(file: Path) -> Digits:
    """An mnist.pkl.gz of the classic layout, by the pipeline's own reader. Raises DigitsError."""
    from digit_classifier.pickled import RefusedPickleError, load

    try:
        with file.open("rb") as opened:
            parts = [Part(array, labels) for array, labels in load(opened)]
    except OSError as error:
        raise DigitsError(f"--mnist {file} can't be read: {error.strerror}") from error
    except RefusedPickleError as error:
        raise DigitsError(f"--mnist {file}: {error}") from error
    return Digits(*parts)


def jpeg(pixels: Pixels) -> bytes:
    """One digit as an image file of 28 x 28 grey pixels."""
    grey = Image.fromarray((pixels.reshape(SIDE, SIDE) * 255).round().astype(np.uint8))
    file = io.BytesIO()
    grey.save(file, "JPEG", quality=95)
    return file.getvalue()


def pixels(image: bytes) -> Pixels:
    """What an image file shows, as 784 pixels from 0 to 1: JPEG changes them a little."""
    return np.asarray(Image.open(io.BytesIO(image)).convert("L"), dtype=np.float32).reshape(-1) / 255
