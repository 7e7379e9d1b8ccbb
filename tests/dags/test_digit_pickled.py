"""Reading mnist.pkl.gz runs no code from the pickle."""

from __future__ import annotations

import collections
import gzip
import io
import os
import pickle
import struct
import tracemalloc
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from digit_classifier import pickled
from digit_classifier.pickled import RefusedPickleError, load

PAIR = (np.arange(6, dtype=np.float32).reshape(2, 3), np.array([1, 2]))
DATA = (PAIR, PAIR, PAIR)


def pack(content: Any, protocol: int = 2) -> io.BytesIO:
    return io.BytesIO(gzip.compress(pickle.dumps(content, protocol=protocol)))


@pytest.mark.parametrize("protocol", range(pickle.HIGHEST_PROTOCOL + 1))
def test_arrays_are_read_from_every_protocol(protocol: int) -> None:
    for pair in load(pack(DATA, protocol)):
        assert all(np.array_equal(array, expected) for array, expected in zip(pair, PAIR, strict=True))


def test_a_pickle_of_an_older_numpy_is_read() -> None:
    """Its array constructor is in another module."""
    old = pickle.dumps(DATA, protocol=2).replace(b"cnumpy._core.multiarray\n", b"cnumpy.core.multiarray\n")
    assert b"cnumpy.core.multiarray\n" in old
    assert np.array_equal(load(io.BytesIO(gzip.compress(old)))[0][0], PAIR[0])


@pytest.mark.parametrize("layout", ["C", "F"])
@pytest.mark.parametrize("dtype", ["<f4", ">f4", "<f8", "u1", "<i8", ">i8", "?"])
@pytest.mark.parametrize("protocol", [2, 5])
def test_every_number_type_is_read_in_both_layouts(dtype: str, layout: str, protocol: int) -> None:
    array = np.asarray(np.arange(-6, 6).reshape(3, 4).astype(dtype), order=layout)
    pairs = load(pack(((array, array[0]), PAIR, (array[:0], array[0, :0])), protocol))
    assert pairs[0][0].dtype == array.dtype
    assert np.array_equal(pairs[0][0], array)
    assert pairs[2][0].shape == (0, 4)


def text(content: bytes) -> bytes:
    """Encode bytes as Python 2 does."""
    return b"T" + struct.pack("<i", len(content)) + content


def dtype_of(code: bytes, state: bytes) -> bytes:
    return b"cnumpy\ndtype\n(" + text(code) + b"K\x00K\x01tR" + state + b"b"


PLAIN = b"(K\x03" + text(b"<") + b"NNNJ\xff\xff\xff\xffJ\xff\xff\xff\xffK\x00t"
"""numpy's pickled state of a number type: version and byte order."""

WITH_FLAGS = PLAIN[:-3] + b"K\x3ft"
"""The same with the flags of an object array, whose content numpy reads from a list."""


def array_of(shape: bytes, dtype: bytes, content: bytes) -> bytes:
    """Encode an array with the opcodes that numpy writes."""
    empty = b"cnumpy.core.multiarray\n_reconstruct\n(cnumpy\nndarray\n(K\x00t" + text(b"b") + b"tR"
    return empty + b"(K\x01(" + shape + b"t" + dtype + b"\x89" + content + b"tb"


def three_pairs(part: bytes) -> io.BytesIO:
    pair = b"(" + part + part + b"t"
    return io.BytesIO(gzip.compress(b"\x80\x02(" + 3 * pair + b"t."))


def test_a_pickle_of_python_2_is_read() -> None:
    """Python 2 pickles bytes as str."""
    content = np.array([1.5, -2], dtype="<f4").tobytes()
    for pair in load(three_pairs(array_of(b"K\x02", dtype_of(b"f4", PLAIN), text(content)))):
        assert all(part.tolist() == [1.5, -2] for part in pair)


@pytest.mark.parametrize(
    ("code", "state"),
    [(b"O8", PLAIN), (b"O8", WITH_FLAGS), (b"f8", WITH_FLAGS)],
    ids=["objects", "objects with flags", "numbers with flags"],
)
def test_a_list_shorter_than_its_array_is_rejected(code: bytes, state: bytes) -> None:
    """numpy itself reads past the end of the list, and Python crashes or executes that memory."""
    with pytest.raises(RefusedPickleError):
        load(three_pairs(array_of(b"K\x05", dtype_of(code, state), b"]")))


class Calls:
    """Unpickling calls the function."""

    def __init__(self, function: Any, *arguments: Any) -> None:
        self.call = function, arguments

    def __reduce__(self) -> Any:
        return self.call


@pytest.mark.parametrize(
    ("content", "name"),
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
def test_other_calls_are_rejected(content: Any, name: str) -> None:
    with pytest.raises(RefusedPickleError, match=f"{name}: only numpy arrays are admitted"):
        load(pack((PAIR, PAIR, (content, PAIR[1])), protocol=4))


@pytest.mark.parametrize(
    "content",
    [Calls(np.ndarray, (1 << 33,), "u1"), Calls(np.empty(0).__reduce__()[0], np.ndarray, (1 << 33,), b"b")],
    ids=["called", "reconstructed"],
)
def test_a_huge_array_without_content_is_rejected(content: Any) -> None:
    with pytest.raises(RefusedPickleError):
        load(pack(((content, PAIR[1]), PAIR, PAIR), protocol=4))


def test_a_rejected_pickle_runs_nothing(tmp_path: Path) -> None:
    marker = tmp_path / "ran"
    with pytest.raises(RefusedPickleError):
        load(pack(Calls(os.mkdir, str(marker))))
    assert not marker.exists()


def test_a_dotted_name_is_rejected() -> None:
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
def test_other_data_than_three_pairs_of_arrays_is_rejected(content: Any) -> None:
    with pytest.raises(RefusedPickleError):
        load(pack(content))


@pytest.mark.parametrize(
    "content",
    [b"", b"no gzip", gzip.compress(b"no pickle"), pack(DATA).getvalue()[:-20], gzip.compress(pickle.dumps(DATA)[:-9])],
    ids=["empty", "no gzip", "no pickle", "cut off", "pickle cut off"],
)
def test_a_damaged_file_is_rejected(content: bytes) -> None:
    with pytest.raises(RefusedPickleError, match="can't be read as a gzipped pickle"):
        load(io.BytesIO(content))


@pytest.mark.parametrize("protocol", [2, 4, 5])
def test_a_small_file_that_decompresses_to_a_huge_one_is_rejected(
    monkeypatch: pytest.MonkeyPatch, protocol: int
) -> None:
    monkeypatch.setattr(pickled, "LIMIT", 1 << 20)
    huge = np.zeros(1 << 20, dtype=np.float32)
    with pytest.raises(RefusedPickleError, match="unpacks to more than 1048576 bytes"):
        load(pack(((huge, huge), PAIR, PAIR), protocol))


def test_an_encoding_that_doubles_its_input_is_rejected() -> None:
    content = b"C\x01a"
    for _ in range(20):
        content = b"c_codecs\nencode\n" + content + b"X\x03\x00\x00\x00hex\x86R"
    with pytest.raises(RefusedPickleError, match="another encoding than latin1"):
        load(three_pairs(content))


def test_repeated_encoding_of_a_text_is_bounded(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(pickled, "LIMIT", 1 << 20)
    content = b"X" + struct.pack("<I", 1 << 19) + b"a" * (1 << 19) + b"q\x00"
    content += 3 * b"c_codecs\nencode\nh\x00X\x06\x00\x00\x00latin1\x86R"
    with pytest.raises(RefusedPickleError, match="unpacks to more than 1048576 bytes"):
        load(io.BytesIO(gzip.compress(b"\x80\x02" + content + b".")))


def test_a_high_memo_number_needs_little_memory() -> None:
    """For these few bytes the unpickler in C allocates a table of 128 MB."""
    tracemalloc.start()
    try:
        with pytest.raises(RefusedPickleError):
            load(io.BytesIO(gzip.compress(b"Nr" + struct.pack("<I", 1 << 23) + b".")))
        assert tracemalloc.get_traced_memory()[1] < 1 << 20
    finally:
        tracemalloc.stop()


@pytest.mark.parametrize(
    "name", [b"numpy.core.numeric\n_frombuffer", b"numpy.core.multiarray\n_reconstruct", b"numpy\ndtype"]
)
def test_admitted_functions_can_not_be_changed(name: bytes) -> None:
    change = b"N}X\x0c\x00\x00\x00__defaults__)s\x86b"
    with pytest.raises(RefusedPickleError, match="changes what it should call"):
        load(three_pairs(b"c" + name + b"\n" + change))
