"""mnist.pkl.gz is read without running what is in it."""

from __future__ import annotations

import collections
import gzip
import io
import os
import pickle
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from digit_classifier import pickled
from digit_classifier.pickled import RefusedPickleError, load

PAIR = (np.arange(6, dtype=np.float32).reshape(2, 3), np.array([1, 2]))
DATA = (PAIR, PAIR, PAIR)


def file(content: Any, protocol: int = 2) -> io.BytesIO:
    return io.BytesIO(gzip.compress(pickle.dumps(content, protocol=protocol)))


@pytest.mark.parametrize("protocol", range(pickle.HIGHEST_PROTOCOL + 1))
def test_arrays_of_every_protocol(protocol: int) -> None:
    for pair in load(file(DATA, protocol)):
        assert all(np.array_equal(found, wanted) for found, wanted in zip(pair, PAIR, strict=True))


def test_what_python_2_wrote() -> None:
    """Bytes were texts then, and numpy's maker of arrays had another address."""
    old = pickle.dumps(DATA, protocol=2).replace(b"cnumpy._core.multiarray\n", b"cnumpy.core.multiarray\n")
    assert b"cnumpy.core.multiarray\n" in old
    assert np.array_equal(load(io.BytesIO(gzip.compress(old)))[0][0], PAIR[0])


class Calls:
    """Unpickled, it is whatever the function returns."""

    def __init__(self, function: Any, *arguments: Any) -> None:
        self.call = function, arguments

    def __reduce__(self) -> Any:
        return self.call


@pytest.mark.parametrize(
    ("content", "asked"),
    [
        (Calls(os.system, "true"), "posix.system"),
        (Calls(eval, "1"), "builtins.eval"),
        (Calls(getattr, "", "join"), "builtins.getattr"),
        (Calls(np.load, "x"), "numpy.load"),
        (collections.OrderedDict(), "collections.OrderedDict"),
        (np.float64(1), "scalar"),
    ],
    ids=["system", "eval", "getattr", "load", "a dict", "a scalar"],
)
def test_what_asks_for_more_than_arrays(content: Any, asked: str) -> None:
    with pytest.raises(RefusedPickleError, match=f"{asked}: only numpy arrays are admitted"):
        load(file((PAIR, PAIR, (content, PAIR[1])), protocol=4))


@pytest.mark.parametrize(
    "content",
    [Calls(np.ndarray, (1 << 33,), "u1"), Calls(pickled.MAKE_ARRAY, np.ndarray, (1 << 33,), b"b")],
    ids=["called", "made at once"],
)
def test_an_array_of_any_size_out_of_nothing(content: Any) -> None:
    with pytest.raises(RefusedPickleError):
        load(file(((content, PAIR[1]), PAIR, PAIR), protocol=4))


def test_nothing_is_run_on_the_way(tmp_path: Path) -> None:
    marker = tmp_path / "ran"
    with pytest.raises(RefusedPickleError):
        load(file(Calls(os.mkdir, str(marker))))
    assert not marker.exists()


def test_a_dotted_name_leads_nowhere() -> None:
    content = b"\x80\x04\x8c\x05numpy\x8c\x0clib.npyio.np\x93."
    with pytest.raises(RefusedPickleError, match=r"numpy\.lib\.npyio\.np"):
        load(io.BytesIO(gzip.compress(content)))


@pytest.mark.parametrize(
    "content",
    [
        PAIR,
        (PAIR, PAIR),
        (PAIR, PAIR, PAIR[0]),
        (PAIR, PAIR, (1, 2)),
        (PAIR, PAIR, (np.array([None, []], dtype=object), PAIR[1])),
        "digits",
    ],
    ids=["a pair", "two", "one without labels", "no arrays", "an array of objects", "a text"],
)
def test_what_is_not_three_pairs_of_arrays(content: Any) -> None:
    with pytest.raises(RefusedPickleError):
        load(file(content))


@pytest.mark.parametrize(
    "content",
    [b"", b"no gzip", gzip.compress(b"no pickle"), file(DATA).getvalue()[:-20], gzip.compress(pickle.dumps(DATA)[:-9])],
    ids=["empty", "no gzip", "no pickle", "cut off", "pickle cut off"],
)
def test_broken_files(content: bytes) -> None:
    with pytest.raises(RefusedPickleError, match="can't be read as a gzipped pickle"):
        load(io.BytesIO(content))


@pytest.mark.parametrize("protocol", [2, 4, 5])
def test_a_small_file_that_unpacks_to_a_huge_one(monkeypatch: pytest.MonkeyPatch, protocol: int) -> None:
    monkeypatch.setattr(pickled, "LIMIT", 1 << 20)
    huge = np.zeros(1 << 20, dtype=np.float32)
    with pytest.raises(RefusedPickleError, match="unpacks to more than 1048576 bytes"):
        load(file(((huge, huge), PAIR, PAIR), protocol))
