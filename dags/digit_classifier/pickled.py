"""mnist.pkl.gz, read without running it: a pickle may name any function, and this one may name numpy's arrays."""

import _codecs
import gzip
import pickle

import numpy as np

MAKE_ARRAY = np.empty(0).__reduce__()[0]
MAKE_FROM_BUFFER = np.empty(1).__reduce_ex__(5)[0]
NDARRAY = object()
"""What a pickle gets for numpy.ndarray: to be named, never called, since a call makes an array of any size."""


def make_array(subtype, shape, dtype):
    """numpy's `_reconstruct`, for the empty array that a pickle then fills."""
    if subtype is not NDARRAY or shape != (0,):
        raise RefusedPickleError("the pickle makes something else than an array")
    return MAKE_ARRAY(np.ndarray, shape, dtype)


ADMITTED = {
    # Where numpy has its makers of arrays, since version 2 and before.
    ("numpy._core.multiarray", "_reconstruct"): make_array,
    ("numpy.core.multiarray", "_reconstruct"): make_array,
    ("numpy._core.numeric", "_frombuffer"): MAKE_FROM_BUFFER,
    ("numpy.core.numeric", "_frombuffer"): MAKE_FROM_BUFFER,
    ("numpy", "ndarray"): NDARRAY,
    ("numpy", "dtype"): np.dtype,
    # So Python 3 writes bytes into a pickle of an old protocol.
    ("_codecs", "encode"): _codecs.encode,
}
LIMIT = 2**30
"""Bytes that are unpacked at most; the full data set has a fifth of it."""


class RefusedPickleError(Exception):
    """The file is not what it should be, or asks for more than arrays."""


class _Arrays(pickle.Unpickler):
    def find_class(self, module, name):
        try:
            return ADMITTED[module, name]
        except KeyError:
            raise RefusedPickleError(f"the pickle asks for {module}.{name}: only numpy arrays are admitted") from None


class _Bounded:
    """A file of which no more than LIMIT bytes are read, whatever a small archive unpacks to."""

    def __init__(self, file):
        self.file, self.left = file, LIMIT

    def read(self, size=-1):
        return self._counted(self.file.read(size if 0 <= size <= self.left else self.left + 1))

    def readline(self):
        return self._counted(self.file.readline(self.left + 1))

    def _counted(self, content):
        self.left -= len(content)
        if self.left < 0:
            raise RefusedPickleError(f"the pickle unpacks to more than {LIMIT} bytes")
        return content


def load(file):
    """((array, labels), ...) for training, validation and test, from an open mnist.pkl.gz.

    Raises RefusedPickleError.
    """
    try:
        with gzip.GzipFile(fileobj=file) as unpacked:
            found = _Arrays(_Bounded(unpacked), encoding="latin1").load()
    except RefusedPickleError:
        raise
    except Exception as error:  # a broken pickle raises nearly anything
        raise RefusedPickleError(f"the file can't be read as a gzipped pickle: {error}") from error
    if not _is_data(found):
        raise RefusedPickleError("the pickle does not hold three pairs of an array and its labels")
    return tuple((array, labels) for array, labels in found)


def _is_data(found):
    return (
        isinstance(found, tuple | list)
        and len(found) == 3
        and all(isinstance(pair, tuple | list) and len(pair) == 2 for pair in found)
        and all(isinstance(part, np.ndarray) and not part.dtype.hasobject for pair in found for part in pair)
    )
