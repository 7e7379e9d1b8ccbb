"""The container of a k-means endpoint: a request's body in, the closest centroids out.

Formats of requests and responses: https://docs.aws.amazon.com/sagemaker/latest/dg/km-in-formats.html.
"""

from __future__ import annotations

import csv
import io
import json
from typing import TYPE_CHECKING, Any

from .artefact import ArtefactError, Centroids, unpack
from .errors import PAYLOAD
from .kmeans import RECORDIO
from .recordio import RecordIOError, read_records

if TYPE_CHECKING:
    import numpy as np


class ModelError(Exception):
    """The container rejects a request, with a status and this message."""

    def __init__(self, status: int, message: str) -> None:
        super().__init__(message)
        self.status = status


def load(artefact: bytes) -> Centroids:
    """Read the centroids of an artefact. Raises ModelError if the artefact is invalid."""
    try:
        return unpack(artefact)
    except ArtefactError as error:
        raise ModelError(500, f"the model can't be loaded: {error}") from error


def predict(centroids: Centroids, content_type: str, body: bytes) -> list[dict[str, float]]:
    """Find the closest centroid of each row of the body, and the Euclidean distance to it.

    Raises ModelError.
    """
    import numpy as np

    rows = _parse_rows(content_type.partition(";")[0].strip().lower(), body)
    if rows.ndim != 2 or not len(rows) or rows.shape[1] != centroids.shape[1] or not np.isfinite(rows).all():
        raise ModelError(400, PAYLOAD)
    distances = np.linalg.norm(rows[:, None, :].astype(np.float64) - centroids[None].astype(np.float64), axis=2)
    closest = distances.argmin(axis=1)
    return [
        {"closest_cluster": float(cluster), "distance_to_cluster": float(distances[row, cluster])}
        for row, cluster in enumerate(closest)
    ]


def _parse_rows(content_type: str, body: bytes) -> np.ndarray[Any, np.dtype[np.float32]]:
    import numpy as np

    try:
        if content_type == RECORDIO:
            return read_records(body)[0]
        if content_type == "text/csv":
            return np.asarray([row for row in csv.reader(io.StringIO(body.decode())) if row], dtype=np.float32)
        if content_type == "application/json":
            return np.asarray([_get_features(instance) for instance in json.loads(body)["instances"]], dtype=np.float32)
    except (RecordIOError, ValueError, KeyError, TypeError, OverflowError, RecursionError, csv.Error) as error:
        raise ModelError(400, PAYLOAD) from error
    raise ModelError(415, f"content type {content_type or '(none)'} is not supported")


def _get_features(instance: Any) -> Any:
    """Accept `{"features": [...]}` or `{"data": {"features": {"values": [...]}}}`."""
    return instance["data"]["features"]["values"] if "data" in instance else instance["features"]
