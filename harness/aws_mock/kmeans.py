"""SageMaker's k-means on scikit-learn: hyperparameters and records in, centroids out.

Ranges and defaults of the hyperparameters: https://docs.aws.amazon.com/sagemaker/latest/dg/k-means-api-config.html.
"""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from .artefact import pack
from .recordio import RecordIOError, read_records

if TYPE_CHECKING:
    import numpy as np

RECORDIO = "application/x-recordio-protobuf"
SEED = 0


class AlgorithmError(Exception):
    """A failed training. The text is its reason."""


@dataclass(frozen=True)
class TrainedModel:
    """The result of a training.

    `artefact`: model.tar.gz. `metrics`: by name. `log`: lines of the job's log.
    """

    artefact: bytes
    metrics: Mapping[str, float]
    log: tuple[str, ...]


def _integer(low: int, high: int = 2**31) -> Callable[[str], bool]:
    # Ten digits at most: `int` raises its own ValueError for thousands of digits.
    return lambda text: bool(re.fullmatch(r"[0-9]{1,10}", text.strip())) and low <= int(text) <= high


def _number(low: float, high: float) -> Callable[[str], bool]:
    def fits(text: str) -> bool:
        try:
            return low <= float(text) <= high
        except ValueError:
            return False

    return fits


def _one_of(*words: str) -> Callable[[str], bool]:
    return lambda text: text in words


def _is_metric_list(text: str) -> bool:
    try:
        return json.loads(text) in (["msd"], ["ssd"], ["msd", "ssd"])
    except ValueError:
        return False


REQUIRED = {"k": _integer(1), "feature_dim": _integer(1)}
OPTIONAL = {
    "mini_batch_size": _integer(1),
    "init_method": _one_of("random", "kmeans++"),
    "epochs": _integer(1),
    "extra_center_factor": lambda text: text == "auto" or _integer(1)(text),
    "half_life_time_size": _integer(0),
    "local_lloyd_init_method": _one_of("random", "kmeans++"),
    "local_lloyd_max_iter": _integer(1),
    "local_lloyd_num_trials": lambda text: text == "auto" or _integer(1)(text),
    "local_lloyd_tol": _number(0, 1),
    "eval_metrics": _is_metric_list,
    "force_dense": _one_of("true", "True", "false", "False"),
}
"""`half_life_time_size`, `eval_metrics` and `force_dense` are validated and otherwise ignored. `force_dense` is
undocumented but part of AWS's container: https://github.com/aws/sagemaker-python-sdk/pull/2815 shows its default."""


def train(channel: bytes, content_type: str | None, hyperparameters: Mapping[str, str]) -> TrainedModel:
    """Fit `k` centroids to the records of the channel. Raises AlgorithmError."""
    _check(hyperparameters)
    rows = _read_rows(channel, content_type)
    k, width = int(hyperparameters["k"]), int(hyperparameters["feature_dim"])
    batch = int(hyperparameters.get("mini_batch_size", 5000))
    if rows.shape[1] != width:
        raise AlgorithmError(
            f"ClientError: hyperparameter feature_dim is {width}, but the records of the train channel have "
            f"{rows.shape[1]} features"
        )
    if k > len(rows):
        raise AlgorithmError(f"ClientError: hyperparameter k is {k}, but the train channel has {len(rows)} records")
    centroids, distance = _fit(rows, k, batch, hyperparameters)
    log = (
        f"Reading the train channel: {len(rows)} records of {width} features",
        f"Fitting k-means: k={k}, feature_dim={width}, mini_batch_size={batch}",
        f"#quality_metric: host=algo-1, train msd <loss>={distance:.6f}",
        "Training has ended; the model is saved",
    )
    return TrainedModel(pack(centroids), {"train:msd": round(distance, 6)}, log)


def _check(hyperparameters: Mapping[str, str]) -> None:
    # Sources: the first text is AWS's (https://github.com/kubeflow/pipelines/issues/1370), the second one that of
    # another of AWS's algorithms.
    if missing := [repr(name) for name in REQUIRED if name not in hyperparameters]:
        raise AlgorithmError(
            f"ClientError: No value(s) were specified for {', '.join(missing)} which are required hyperparameter(s) "
            "(caused by ValidationError)"
        )
    for name, value in hyperparameters.items():
        fits = (REQUIRED | OPTIONAL).get(name)
        if fits is None:
            raise AlgorithmError(f"ClientError: Additional hyperparameters are not allowed ({name!r} was unexpected)")
        if not fits(value):
            raise AlgorithmError(f"ClientError: hyperparameter {name}: {value!r} is outside its documented range")


def _read_rows(channel: bytes, content_type: str | None) -> np.ndarray[Any, np.dtype[np.float32]]:
    import numpy as np

    if content_type not in (None, RECORDIO):
        raise AlgorithmError(f"ClientError: content type {content_type}: the AWS mock's k-means reads only {RECORDIO}")
    try:
        rows = read_records(channel)[0]
    except RecordIOError as error:
        raise AlgorithmError(f"ClientError: the train channel is unreadable: {error}") from error
    if not np.isfinite(rows).all():
        raise AlgorithmError("ClientError: the train channel has values that are not finite numbers")
    return rows


def _fit(
    rows: np.ndarray[Any, np.dtype[np.float32]], k: int, batch: int, hyperparameters: Mapping[str, str]
) -> tuple[np.ndarray[Any, np.dtype[np.float32]], float]:
    """Return the centroids, and the mean squared distance of a row to its centroid.

    The steps are SageMaker's (https://docs.aws.amazon.com/sagemaker/latest/dg/algo-kmeans-tech-notes.html): mini-batch
    k-means with more than k centres, then Lloyd's method on those centres.
    """
    import numpy as np
    from sklearn.cluster import KMeans, MiniBatchKMeans  # Takes a second; the mock's start must not.

    def get_init_method(name: str, default: str) -> str:
        return hyperparameters.get(name, default).replace("kmeans++", "k-means++")

    factor, trials = (hyperparameters.get(name, "auto") for name in ("extra_center_factor", "local_lloyd_num_trials"))
    many = min(k * (10 if factor == "auto" else int(factor)), len(rows))
    batches = MiniBatchKMeans(
        n_clusters=many,
        init=get_init_method("init_method", "random"),
        # One pass by default: scikit-learn makes one step for each batch.
        max_iter=int(hyperparameters.get("epochs", 1)),
        batch_size=min(batch, len(rows)),
        n_init=1,
        max_no_improvement=None,
        reassignment_ratio=0,
        random_state=SEED,
    ).fit(rows)
    lloyd = KMeans(
        n_clusters=k,
        init=get_init_method("local_lloyd_init_method", "kmeans++"),
        n_init=10 if trials == "auto" else int(trials),
        max_iter=int(hyperparameters.get("local_lloyd_max_iter", 300)),
        tol=float(hyperparameters.get("local_lloyd_tol", 0.0001)),
        random_state=SEED,
    ).fit(batches.cluster_centers_, sample_weight=np.bincount(batches.labels_, minlength=many))
    centroids = np.asarray(lloyd.cluster_centers_, dtype=np.float32)
    nearest = lloyd.predict(rows)
    return centroids, float(((rows - centroids[nearest]) ** 2).sum(axis=1).mean())
