"""The container of a k-means endpoint: the nearest centroid, or the container's error."""

from __future__ import annotations

import json
import math

import numpy as np
import pytest

from harness.aws_mock.artefact import pack
from harness.aws_mock.inference import ModelError, load, predict
from tests.aws_mock.wire import FLOAT64, entry, frame, recordio, tensor

RECORDIO, CSV, JSON = "application/x-recordio-protobuf", "text/csv", "application/json"
MESSAGE = "unable to evaluate payload provided"
CENTROIDS = load(pack(np.array([[0, 0, 0], [10, 0, 0], [0, 0, 20]], dtype=np.float32)))

# The distance from ROW to the second centroid is sqrt(1 + 4 + 4).
ROW = [9.0, 2.0, 2.0]
ANSWER = [{"closest_cluster": 1.0, "distance_to_cluster": 3.0}]


def instances(*features: object) -> bytes:
    return json.dumps({"instances": [{"features": values} for values in features]}).encode()


def nested(*values: object) -> bytes:
    return json.dumps({"instances": [{"data": {"features": {"values": row}}} for row in values]}).encode()


@pytest.mark.parametrize(
    ("content_type", "body"),
    [
        (RECORDIO, recordio([ROW])),
        (RECORDIO, recordio([ROW], [7])),
        (RECORDIO, frame(entry(1, tensor(FLOAT64, ROW)))),
        (CSV, b"9,2,2"),
        (CSV, b"9.0, 2.0 ,2e0\r\n"),
        (CSV, b"\n9,2,2\n\n"),
        ("Text/CSV; charset=utf-8", b"9,2,2"),
        (JSON, instances(ROW)),
        (JSON, instances([9, 2, 2])),
        (JSON, nested(ROW)),
        ("application/json;verbose=true", nested(ROW)),
    ],
)
def test_the_response_has_the_euclidean_distance_to_the_nearest(content_type: str, body: bytes) -> None:
    assert predict(CENTROIDS, content_type, body) == ANSWER


@pytest.mark.parametrize(
    ("content_type", "body"),
    [
        (RECORDIO, recordio([[0, 0, 0], ROW, [0, 3, 16]])),
        (CSV, b"0,0,0\n9,2,2\n0,3,16\n"),
        (JSON, instances([0, 0, 0], ROW, [0, 3, 16])),
        (JSON, json.dumps({"instances": [{"features": [0, 0, 0]}, *json.loads(nested(ROW, [0, 3, 16]))["instances"]]})),
    ],
    ids=["recordio", "csv", "json", "json of both forms"],
)
def test_the_response_has_every_row_in_order(content_type: str, body: bytes | str) -> None:
    rows = predict(CENTROIDS, content_type, body.encode() if isinstance(body, str) else body)
    assert [row["closest_cluster"] for row in rows] == [0.0, 1.0, 2.0]
    assert [row["distance_to_cluster"] for row in rows] == [0.0, 3.0, 5.0]


def test_the_response_is_json_with_floats() -> None:
    (answer,) = predict(CENTROIDS, CSV, b"9,2,2")
    assert json.dumps(answer) == '{"closest_cluster": 1.0, "distance_to_cluster": 3.0}'


def test_distances_of_784_wide_rows_are_exact() -> None:
    rng = np.random.default_rng(5)
    centroids, rows = rng.random((10, 784), dtype=np.float32), rng.random((40, 784), dtype=np.float32)
    for answer, row in zip(predict(load(pack(centroids)), RECORDIO, recordio(rows.tolist())), rows, strict=True):
        each = [math.dist(row.tolist(), centroid.tolist()) for centroid in centroids]
        assert answer["closest_cluster"] == each.index(min(each))
        assert answer["distance_to_cluster"] == pytest.approx(min(each), rel=1e-6)


@pytest.mark.filterwarnings("ignore:overflow encountered in cast")
@pytest.mark.parametrize(
    ("content_type", "body"),
    [
        (RECORDIO, b""),
        (RECORDIO, recordio([ROW])[:-1]),
        (RECORDIO, recordio([[9.0, 2.0]])),
        (RECORDIO, recordio([ROW, [9.0, 2.0]])),
        (RECORDIO, recordio([[float("nan"), 2.0, 2.0]])),
        (RECORDIO, b"9,2,2"),
        (RECORDIO, frame(b"\xff" * 8)),
        (CSV, b""),
        (CSV, b"\n"),
        (CSV, b"9,2"),
        (CSV, b"9,2,2,2"),
        (CSV, b"9,2,2\n9,2"),
        (CSV, b"nine,2,2"),
        (CSV, b"9,2,"),
        (CSV, b"9,2,nan"),
        (CSV, b"9,2,1e99"),
        (CSV, b"9,2,\xff"),
        (CSV, b"9,2,2\x00"),
        (CSV, b'"9,2,2'),
        (CSV, recordio([ROW])),
        (JSON, b""),
        (JSON, b"{"),
        (JSON, b"\xff"),
        (JSON, b"{}"),
        (JSON, b"[]"),
        (JSON, b"7"),
        (JSON, b'{"instances": []}'),
        (JSON, b'{"instances": 7}'),
        (JSON, b'{"instances": {"features": [9, 2, 2]}}'),
        (JSON, b'{"instances": [[9, 2, 2]]}'),
        (JSON, b'{"instances": ["data"]}'),
        (JSON, b'{"instances": [{"data": {}}]}'),
        (JSON, b'{"instances": [{"data": {"features": [9, 2, 2]}}]}'),
        (JSON, instances([9, 2])),
        (JSON, instances(ROW, [9, 2])),
        (JSON, instances([ROW])),
        (JSON, instances([9, None, 2])),
        (JSON, instances(9)),
        (JSON, instances({"values": ROW})),
        (JSON, instances([9, 2, float("nan")])),
        (JSON, instances([9, 2, 10**400])),
        (JSON, b"[" * 100_000),
    ],
    ids=lambda value: repr(value[:40]),
)
def test_an_invalid_body_is_an_error(content_type: str, body: bytes) -> None:
    with pytest.raises(ModelError) as caught:
        predict(CENTROIDS, content_type, body)
    assert (caught.value.status, str(caught.value)) == (400, MESSAGE)


@pytest.mark.parametrize("content_type", ["", "image/jpeg", "application/octet-stream", "application/jsonlines", ";"])
def test_an_unknown_content_type_is_an_error(content_type: str) -> None:
    with pytest.raises(ModelError) as caught:
        predict(CENTROIDS, content_type, b"9,2,2")
    assert caught.value.status == 415
    assert content_type.strip(";") in str(caught.value)


@pytest.mark.parametrize("artefact", [b"", b"no archive", pack(CENTROIDS)[:50]])
def test_an_invalid_artefact_is_an_error(artefact: bytes) -> None:
    with pytest.raises(ModelError) as caught:
        load(artefact)
    assert caught.value.status == 500
