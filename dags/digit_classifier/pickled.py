"""mnist.pkl.gz, read without running it: a pickle may name any function, and this one may name numpy's arrays.

Nor does numpy read it: what numpy does with a pickle trusts it, and reads past the end of a list that is too short.
"""

import gzip
import pickle
import re

import numpy as np

LIMIT = 2**30
"""Bytes that are unpacked, or made of a text, at most; the full data set has a fifth of it."""

NUMBERS = re.compile(r"[biuf]\d{1,2}")


class RefusedPickleError(Exception):
    """The file is not what it should be, or asks for more than arrays."""


class _Named:
    """What a pickle names: it may call it, and no more. Of a plain function it could set attributes."""

    def __init__(self, call):
        self.call = call

    def __call__(self, *arguments):
        return self.call(*arguments)

    def __setstate__(self, state):
        raise RefusedPickleError("the pickle changes what it should call")


class _Array:
    """In place of numpy.ndarray, which a pickle makes empty and then fills."""

    def __init__(self, encode):
        self.encode = encode
        self.array = None

    def __setstate__(self, state):
        _, shape, dtype, by_column, content = state
        if isinstance(content, str):  # bytes that Python 2 wrote
            content = self.encode(content)
        self.fill(content, dtype, shape, "F" if by_column else "C")

    def fill(self, content, dtype, shape, order):
        self.array = np.frombuffer(content, dtype.dtype).reshape(shape, order=order)


class _Dtype:
    """In place of numpy.dtype: the type of a number."""

    def __init__(self, code, *_):
        if not (isinstance(code, str) and NUMBERS.fullmatch(code)):
            raise RefusedPickleError("the pickle holds an array of something else than numbers")
        self.dtype = np.dtype(code)

    def __setstate__(self, state):
        self.dtype = self.dtype.newbyteorder(state[1])


class _Bounded:
    """A file of which no more than LIMIT bytes are read, whatever a small archive unpacks to."""

    def __init__(self, file):
        self.file, self.left = file, LIMIT

    def read(self, size=-1):
        return self._counted(self.file.read(size if 0 <= size <= self.left else self.left + 1))

    def readline(self):
        return self._counted(self.file.readline(self.left + 1))

    def encode(self, text, encoding="latin1"):
        """Counted, as a pickle may ask for it again and again. Other encodings give more bytes than they get."""
        if encoding != "latin1":
            raise RefusedPickleError("the pickle asks for another encoding than latin1")
        return self._counted(text.encode(encoding))

    def _counted(self, content):
        self.left -= len(content)
        if self.left < 0:
            raise RefusedPickleError(f"the pickle unpacks to more than {LIMIT} bytes")
        return content


# The unpickler that Python keeps beside the one in C: that one makes a table as long as the highest number that a
# pickle gives to a part of it, however short the pickle (python/cpython#115952).
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
            # Where numpy has its makers of arrays, since version 2 and before.
            ("numpy._core.multiarray", "_reconstruct"): _Named(reconstruct),
            ("numpy.core.multiarray", "_reconstruct"): _Named(reconstruct),
            ("numpy._core.numeric", "_frombuffer"): _Named(from_buffer),
            ("numpy.core.numeric", "_frombuffer"): _Named(from_buffer),
            ("numpy", "ndarray"): _Named(_refuse),
            ("numpy", "dtype"): _Named(_Dtype),
            # So Python 3 writes bytes into a pickle of an old protocol.
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
    """((array, labels), ...) for training, validation and test, from an open mnist.pkl.gz.

    The arrays can't be written to. Raises RefusedPickleError.
    """
    try:
        with gzip.GzipFile(fileobj=file) as unpacked:
            found = _Arrays(_Bounded(unpacked)).load()
    except RefusedPickleError:
        raise
    except Exception as error:  # a broken pickle raises nearly anything
        raise RefusedPickleError(f"the file can't be read as a gzipped pickle: {error!r}") from error
    if not _is_data(found):
        raise RefusedPickleError("the pickle does not hold three pairs of an array and its labels")
    return tuple((array.array, labels.array) for array, labels in found)


def _is_data(found):
    return (
        isinstance(found, tuple | list)
        and len(found) == 3
        and all(isinstance(pair, tuple | list) and len(pair) == 2 for pair in found)
        and all(isinstance(part, _Array) and part.array is not None for pair in found for part in pair)
    )
