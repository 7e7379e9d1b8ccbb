"""A training job's life: InProgress, then Completed, Failed or Stopped."""

from __future__ import annotations

import datetime as dt
import threading
import time
from dataclasses import dataclass

from moto.core.models import DEFAULT_ACCOUNT_ID
from moto.core.utils import unix_time_millis, utcnow
from moto.logs.models import logs_backends
from moto.sagemaker.models import FakeTrainingJob

from . import storage
from .authorization import role_may
from .kmeans import AlgorithmError, Trained, train
from .orders import LOCK, TrainingOrder, scenario

LOG_GROUP = "/aws/sagemaker/TrainingJobs"
PATIENCE = 40.0
"""Seconds that a description waits for a job's end: the operator's second look comes half a minute after its first, and
its client gives up after a whole one."""
MOMENT = 0.2

MESSAGES = {
    "Starting": "Preparing the instances for training",
    "Downloading": "Downloading input data",
    "Training": "Training image download completed. Training in progress.",
    "Uploading": "Uploading generated training model",
    "Completed": "Training job completed",
    "Stopping": "Stopping the training job",
    "Stopped": "Training job stopped",
    "MaxRuntimeExceeded": "Training job runtime exceeded MaxRuntimeInSeconds provided",
    "Failed": "Training job failed",
}


@dataclass
class Training:
    """What moves a job. `outcome` is what the work came to, and `over` is set when it has."""

    job: FakeTrainingJob
    region: str
    order: TrainingOrder
    outcome: Trained | str = ""
    looks: int = 0

    def __post_init__(self) -> None:
        self.looks = self.order.looks
        self.over = threading.Event()
        self.stopping = threading.Event()
        self.began = time.monotonic()
        self.scenario = scenario()

    def begin(self) -> None:
        """The work goes on in a thread. A job that is said to take long is said to have begun long ago."""
        job = self.job
        job.creation_time -= dt.timedelta(seconds=self.order.takes or 0)
        job.training_start_time = job.creation_time
        job.training_job_status = "InProgress"
        job.secondary_status_transitions = []
        job.final_metric_data_list = []
        job.training_end_time = job.model_artifacts = None  # type: ignore[assignment]
        job.algorithm_specification.pop("MetricDefinitions", None)  # moto's, of another algorithm
        for status in ("Starting", "Downloading", "Training"):
            self._moved(status, job.creation_time)
        threading.Thread(target=self._work, daemon=True, name=job.training_job_name).start()

    def looked_at(self) -> None:
        """A description is asked for: the job moves on to its end, unless it was ordered to take more looks."""
        if self.looks > 0:
            self.looks -= 1
            return
        until = time.monotonic() + PATIENCE
        while not self._can_end() and time.monotonic() < until and self.scenario == scenario():
            # Whichever it waits for comes at once; a stop, a deadline or a reset within a moment.
            (self.stopping if self.order.until_stopped else self.over).wait(MOMENT)
        self.conclude()

    def stop(self) -> bool:
        """False where it has ended already."""
        with LOCK:
            if self.job.training_job_status != "InProgress":
                return False
            self.job.training_job_status = "Stopping"
            self._moved("Stopping")
            self.stopping.set()
            return True

    def conclude(self) -> None:
        """Writes the end of it: once, whoever comes first, and in its own scenario alone."""
        with LOCK:
            going_on = self.job.training_job_status in ("InProgress", "Stopping") and self.scenario == scenario()
            if not going_on or not self._can_end():
                return
            if self.stopping.is_set():
                self._end("Stopped", "Stopped")
            elif self.over.is_set() and isinstance(self.outcome, str):
                self._log((self.outcome,))
                self._end("Failed", "Failed", self.outcome)
            elif self.seconds() > self._limit():
                self._end("Stopped", "MaxRuntimeExceeded")
            elif isinstance(self.outcome, Trained):
                self._upload(self.outcome)

    def _can_end(self) -> bool:
        if self.stopping.is_set():
            return True
        return (self.over.is_set() and not self.order.until_stopped) or self.seconds() > self._limit()

    def _limit(self) -> float:
        return float(self.job.stopping_condition["MaxRuntimeInSeconds"])

    def seconds(self) -> float:
        """How long the training took, or is said to have taken."""
        return self.order.takes if self.order.takes is not None else time.monotonic() - self.began

    def _work(self) -> None:
        try:
            self.outcome = self.order.fail if self.order.fail is not None else self._trained()
        except AlgorithmError as error:
            self.outcome = str(error)
        except Exception as error:  # a bug of the twin's own, told where somebody looks
            self.outcome = f"InternalServerError: the AWS twin broke ({type(error).__name__}: {error})"
        self.over.set()
        if not self.order.looks:
            self.conclude()

    def _trained(self) -> Trained:
        channels = {channel["ChannelName"]: channel for channel in self.job.input_data_config}
        if set(channels) != {"train"}:
            found = ", ".join(sorted(channels)) or "none"
            raise AlgorithmError(f"ClientError: the twin's k-means takes the channel train alone; there is: {found}")
        channel = channels["train"]
        bucket, prefix = storage.split(channel["DataSource"]["S3DataSource"]["S3Uri"])
        role = self.job.role_arn
        try:
            data = b"".join(storage.read(role, bucket, key) for key in storage.keys(role, bucket, prefix))
        except storage.DeniedError as error:
            raise AlgorithmError(f"ClientError: Data download failed: the role {role} may not {error}") from error
        return train(data, channel.get("ContentType"), self.job.hyper_parameters)

    def _upload(self, trained: Trained) -> None:
        self._moved("Uploading")
        self._log(trained.log)
        folder = self.job.output_data_config["S3OutputPath"].rstrip("/")
        url = f"{folder}/{self.job.training_job_name}/output/model.tar.gz"
        try:
            storage.write(self.job.role_arn, *storage.split(url), trained.artefact)
        except storage.DeniedError as error:
            self._end("Failed", "Failed", f"ClientError: Artifact upload failed: the role may not {error}")
            return
        except storage.MissingError as error:
            self._end("Failed", "Failed", f"ClientError: Artifact upload failed: there is no bucket {error}")
            return
        self.job.model_artifacts = {"S3ModelArtifacts": url}
        now = utcnow()
        self.job.final_metric_data_list = [
            {"MetricName": name, "Value": value, "Timestamp": now} for name, value in trained.metrics.items()
        ]
        self._end("Completed", "Completed")

    def _end(self, status: str, secondary: str, reason: str | None = None) -> None:
        job = self.job
        seconds = self._limit() if secondary == "MaxRuntimeExceeded" else self.seconds()
        said = self.order.takes is not None or secondary == "MaxRuntimeExceeded"
        job.training_end_time = job.training_start_time + dt.timedelta(seconds=seconds) if said else utcnow()
        job.training_time_in_seconds = job.billable_time_in_seconds = max(1, round(seconds))  # type: ignore[attr-defined]
        if reason is not None:
            job.failure_reason = reason  # type: ignore[attr-defined]
        self._moved(secondary)
        job.secondary_status_transitions[-1]["EndTime"] = job.training_end_time
        job.training_job_status = status

    def _moved(self, secondary: str, at: dt.datetime | None = None) -> None:
        now = at or utcnow()
        if self.job.secondary_status_transitions:
            self.job.secondary_status_transitions[-1]["EndTime"] = now
        self.job.secondary_status = secondary
        self.job.last_modified_time = now
        self.job.secondary_status_transitions.append(
            {"Status": secondary, "StartTime": now, "StatusMessage": MESSAGES[secondary]}
        )

    def _log(self, lines: tuple[str, ...]) -> None:
        """CloudWatch gets the lines if the role may write them; a job goes on without, as in AWS."""
        stream = f"{self.job.training_job_name}/algo-1-{int(self.job.creation_time.timestamp()):010d}"
        arn = f"arn:aws:logs:{self.region}:{DEFAULT_ACCOUNT_ID}:log-group:{LOG_GROUP}"
        rights = (
            ("logs:CreateLogGroup", f"{arn}:log-stream:"),
            ("logs:CreateLogStream", f"{arn}:log-stream:{stream}"),
            ("logs:PutLogEvents", f"{arn}:log-stream:{stream}"),
        )
        if not all(role_may(self.job.role_arn, action, resource) for action, resource in rights):
            return
        backend = logs_backends[DEFAULT_ACCOUNT_ID][self.region]
        if LOG_GROUP not in backend.groups:
            backend.create_log_group(LOG_GROUP, {})
        backend.create_log_stream(LOG_GROUP, stream)
        now = int(unix_time_millis())
        backend.put_log_events(LOG_GROUP, stream, [{"timestamp": now, "message": line} for line in lines])
