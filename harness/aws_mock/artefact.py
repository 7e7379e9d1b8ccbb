"""`model.tar.gz` of SageMaker's k-means: a file `model_algo-1` with the centroids.

The format is that of MXNet's `NDArray::Save` (src/ndarray/ndarray.cc, version 2 of the array's record), so `mx.nd.load`
should open it like a model of AWS. The code follows that source and is untested with MXNet itself, which doesn't
install on current Pythons.
"""

from __future__ import annotations

import gzip
import io
import struct
import tarfile
from typing import TYPE_CHECKING, Any, TypeAlias

if TYPE_CHECKING:  # Functions import numpy at run time: it takes a quarter of the mock's start and is rarely needed.
    import numpy as np

Centroids: TypeAlias = "np.ndarray[Any, np.dtype[np.float32]]"
FILE = "model_algo-1"
LIST = 0x112
ARRAY_V2 = 0xF993FAC9
DENSE, CPU, FLOAT32 = 0, 1, 0


class ArtefactError(ValueError):
    """Bytes that are not such an artefact. The text says why."""


def pack(centroids: Centroids) -> bytes:
    """Return the artefact of these centroids (k x features). Equal centroids give equal bytes."""
    import numpy as np

    rows = np.ascontiguousarray(centroids, dtype="<f4")
    content = b"".join(
        (
            struct.pack("<QQQ", LIST, 0, 1),
            struct.pack("<Iii", ARRAY_V2, DENSE, rows.ndim),
            struct.pack(f"<{rows.ndim}q", *rows.shape),
            struct.pack("<iii", CPU, 0, FLOAT32),
            rows.tobytes(),
            struct.pack("<Q", 0),  # No names.
        )
    )
    archive = io.BytesIO()
    with tarfile.open(fileobj=archive, mode="w", format=tarfile.USTAR_FORMAT) as tar:
        entry = tarfile.TarInfo(FILE)  # Dated 1970, owned by root.
        entry.size = len(content)
        tar.addfile(entry, io.BytesIO(content))
    return gzip.compress(archive.getvalue(), mtime=0)


def unpack(artefact: bytes) -> Centroids:
    """Return the centroids of an artefact (k x features). Raises ArtefactError."""
    import numpy as np

    try:
        with tarfile.open(fileobj=io.BytesIO(artefact), mode="r:gz") as tar:
            member = tar.extractfile(FILE)
            content = member.read() if member else b""
        magic, _, count = struct.unpack_from("<QQQ", content, 0)
        array, kind, dimensions = struct.unpack_from("<Iii", content, 24)
        shape = struct.unpack_from("<2q", content, 36)
        *_, number = struct.unpack_from("<iii", content, 52)
    except (OSError, EOFError, KeyError, tarfile.TarError, struct.error) as error:
        raise ArtefactError(f"not a model.tar.gz with a file {FILE}: {error}") from error
    if (magic, count, array, kind, dimensions, number) != (LIST, 1, ARRAY_V2, DENSE, 2, FLOAT32):
        raise ArtefactError(f"{FILE} is not one dense matrix of float32")
    rows, columns = shape
    if rows < 1 or columns < 1 or len(content) < 64 + 4 * rows * columns:
        raise ArtefactError(f"{FILE} is cut off")
    values = np.frombuffer(content, dtype="<f4", count=rows * columns, offset=64)
    return values.reshape(rows, columns)
