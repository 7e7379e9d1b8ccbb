"""Read mnist.pkl.gz safely: the reader admits only numpy arrays.

A pickle may call any function. numpy's own unpickling isn't used: it trusts the pickle and reads past the end of a list
that is too short.
"""

import gzip
import pickle
import re

import numpy as np

LIMIT = 2**30
"""Largest number of bytes that are decompressed or encoded; the full data set has a fifth of it."""

NUMBERS = re.compile(r"[biuf]\d{1,2}")


class RefusedPickleError(Exception):
    """The file has another format, or its pickle calls more than array constructors."""


class _Named:
    """A function that the pickle can only call.

    On a plain function it could also set attributes.
    """

    def __init__(self, call):
        self.call = call

    def __call__(self, *arguments):
        return self.call(*arguments)

    def __setstate__(self, state):
        raise RefusedPickleError("the pickle changes what it should call")


class _Array:
    """Replacement for numpy.ndarray, which a pickle creates empty and then fills."""

    def __init__(self, encode):
        self.encode = encode
        self.array = None

    def __setstate__(self, state):
        _, shape, dtype, by_column, content = state
        if isinstance(content, str):  # Python 2 writes bytes as str.
            content = self.encode(content)
        self.fill(content, dtype, shape, "F" if by_column else "C")

    def fill(self, content, dtype, shape, order):
        self.array = np.frombuffer(content, dtype.dtype).reshape(shape, order=order)


class _Dtype:
    """Replacement for numpy.dtype that admits only number types."""

    def __init__(self, code, *_):
        if not (isinstance(code, str) and NUMBERS.fullmatch(code)):
            raise RefusedPickleError("the pickle holds an array of something else than numbers")
        self.dtype = np.dtype(code)

    def __setstate__(self, state):
        self.dtype = self.dtype.newbyteorder(state[1])


class _Bounded:
    """A file that yields at most LIMIT bytes: a small archive may decompress to a huge size."""

    def __init__(self, file):
        self.file, self.left = file, LIMIT

    def read(self, size=-1):
        return self._counted(self.file.read(size if 0 <= size <= self.left else self.left + 1))

    def readline(self):
        return self._counted(self.file.readline(self.left + 1))

    def encode(self, text, encoding="latin1"):
        """Encode and count, as a pickle may call this repeatedly.

        Other encodings return more bytes than they get.
        """
        if encoding != "latin1":
            raise RefusedPickleError("the pickle asks for another encoding than latin1")
        return self._counted(text.encode(encoding))

    def _counted(self, content):
        self.left -= len(content)
        if self.left < 0:
            raise RefusedPickleError(f"the pickle unpacks to more than {LIMIT} bytes")
        return content


# Python's own unpickler. The one in C allocates a table as long as the highest memo number in the pickle, however short
# the pickle is (python/cpython#115952).
class _Arrays(pickle._Unpickler):
    def __init__(self, file):
        super().__init__(file, encoding="latin1")

        def reconstruct(*_):
            return _Array(file.encode)

        def from_buffer(content, dtype, shape, order, *_):
            array = _Array(file.encode)
            array.fill(content, dtype, shape, order)
            return array

        self.admitted = {
            # numpy's array constructors in version 2 and before.
            ("numpy._core.multiarray", "_reconstruct"): _Named(reconstruct),
            ("numpy.core.multiarray", "_reconstruct"): _Named(reconstruct),
            ("numpy._core.numeric", "_frombuffer"): _Named(from_buffer),
            ("numpy.core.numeric", "_frombuffer"): _Named(from_buffer),
            ("numpy", "ndarray"): _Named(_refuse),
            ("numpy", "dtype"): _Named(_Dtype),
            # Python 3 writes bytes like this in old protocols.
            ("_codecs", "encode"): _Named(file.encode),
            ("__builtin__", "bytes"): _Named(lambda: b""),
        }

    def find_class(self, module, name):
        try:
            return self.admitted[module, name]
        except KeyError:
            raise RefusedPickleError(f"the pickle asks for {module}.{name}: only numpy arrays are admitted") from None


def _refuse(*_):
    raise RefusedPickleError("the pickle makes something else than an array")


def load(file):
    """Return ((array, labels), ...) for training, validation and test from an mnist.pkl.gz.

    The arrays are read-only. Raises RefusedPickleError.
    """
    try:
        with gzip.GzipFile(fileobj=file) as unpacked:
            pairs = _Arrays(_Bounded(unpacked)).load()
    except RefusedPickleError:
        raise
    except Exception as error:  # A damaged pickle may raise any exception.
        raise RefusedPickleError(f"the file can't be read as a gzipped pickle: {error!r}") from error
    if not _is_data(pairs):
        raise RefusedPickleError("the pickle does not hold three pairs of an array and its labels")
    return tuple((array.array, labels.array) for array, labels in pairs)


def _is_data(pairs):
    return (
        isinstance(pairs, tuple | list)
        and len(pairs) == 3
        and all(isinstance(pair, tuple | list) and len(pair) == 2 for pair in pairs)
        and all(isinstance(part, _Array) and part.array is not None for pair in pairs for part in pair)
    )
