"""The life of a training job: InProgress, then Completed, Failed or Stopped."""

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
from .configuration import LOCK, TrainingBehaviour, scenario_number
from .kmeans import AlgorithmError, TrainedModel, train

LOG_GROUP = "/aws/sagemaker/TrainingJobs"
DESCRIBE_TIMEOUT = 40.0
"""Seconds that a description waits for a job's end: the operator polls every 30, and its client times out after 60."""
CHECK_INTERVAL = 0.2
"""Seconds between checks for a stop, a deadline or a reset."""

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
    """The state of a running job.

    `outcome`: the trained model, or the reason of a failure; set when `work_done` is.
    """

    job: FakeTrainingJob
    region: str
    behaviour: TrainingBehaviour
    outcome: TrainedModel | str = ""
    remaining_polls: int = 0

    def __post_init__(self) -> None:
        self.remaining_polls = self.behaviour.polls
        self.work_done = threading.Event()
        self.stopping = threading.Event()
        self.began = time.monotonic()
        self.scenario = scenario_number()

    def begin(self) -> None:
        """Start the training in a thread.

        A configured duration moves the reported start into the past.
        """
        job = self.job
        job.creation_time -= dt.timedelta(seconds=self.behaviour.duration or 0)
        job.training_start_time = job.creation_time
        job.training_job_status = "InProgress"
        job.secondary_status_transitions = []
        job.final_metric_data_list = []
        job.training_end_time = job.model_artifacts = None  # type: ignore[assignment]
        job.algorithm_specification.pop("MetricDefinitions", None)  # moto adds metrics of another algorithm.
        for status in ("Starting", "Downloading", "Training"):
            self._set_secondary_status(status, job.creation_time)
        threading.Thread(target=self._work, daemon=True, name=job.training_job_name).start()

    def poll(self) -> None:
        """Count a description. When no configured poll remains, wait for the job to end."""
        if self.remaining_polls > 0:
            self.remaining_polls -= 1
            return
        deadline = time.monotonic() + DESCRIBE_TIMEOUT
        while not self._can_end() and time.monotonic() < deadline and self.scenario == scenario_number():
            # The awaited event ends the wait at once; the interval bounds the delay of every other end.
            (self.stopping if self.behaviour.until_stopped else self.work_done).wait(CHECK_INTERVAL)
        self.finish()

    def stop(self) -> bool:
        """Stop the job. Returns False if the job has already ended."""
        with LOCK:
            if self.job.training_job_status != "InProgress":
                return False
            self.job.training_job_status = "Stopping"
            self._set_secondary_status("Stopping")
            self.stopping.set()
            return True

    def finish(self) -> None:
        """Write the job's final state once it can end, only in the scenario that created the job."""
        with LOCK:
            running = self.job.training_job_status in ("InProgress", "Stopping") and self.scenario == scenario_number()
            if not running or not self._can_end():
                return
            if self.stopping.is_set():
                self._end("Stopped", "Stopped")
            elif self.work_done.is_set() and isinstance(self.outcome, str):
                self._log((self.outcome,))
                self._end("Failed", "Failed", self.outcome)
            elif self.seconds() > self._limit():
                self._end("Stopped", "MaxRuntimeExceeded")
            elif isinstance(self.outcome, TrainedModel):
                self._upload(self.outcome)

    def _can_end(self) -> bool:
        if self.stopping.is_set():
            return True
        return (self.work_done.is_set() and not self.behaviour.until_stopped) or self.seconds() > self._limit()

    def _limit(self) -> float:
        return float(self.job.stopping_condition["MaxRuntimeInSeconds"])

    def seconds(self) -> float:
        """Return the job's duration: the configured one, else the measured one."""
        return self.behaviour.duration if self.behaviour.duration is not None else time.monotonic() - self.began

    def _work(self) -> None:
        try:
            self.outcome = self.behaviour.fail if self.behaviour.fail is not None else self._train()
        except AlgorithmError as error:
            self.outcome = str(error)
        except Exception as error:  # A bug of the mock shows up as the reason of the failed job.
            self.outcome = f"InternalServerError: the AWS mock has a bug ({type(error).__name__}: {error})"
        self.work_done.set()
        if not self.behaviour.polls:
            self.finish()

    def _train(self) -> TrainedModel:
        channels = {channel["ChannelName"]: channel for channel in self.job.input_data_config}
        if set(channels) != {"train"}:
            names = ", ".join(sorted(channels)) or "none"
            raise AlgorithmError(f"ClientError: channels {names}: the AWS mock's k-means takes only the channel train")
        channel = channels["train"]
        bucket, prefix = storage.split_url(channel["DataSource"]["S3DataSource"]["S3Uri"])
        role = self.job.role_arn
        try:
            data = b"".join(storage.read(role, bucket, key) for key in storage.list_keys(role, bucket, prefix))
        except storage.DeniedError as error:
            raise AlgorithmError(f"ClientError: Data download failed: the role {role} lacks {error}") from error
        return train(data, channel.get("ContentType"), self.job.hyper_parameters)

    def _upload(self, model: TrainedModel) -> None:
        self._set_secondary_status("Uploading")
        self._log(model.log)
        folder = self.job.output_data_config["S3OutputPath"].rstrip("/")
        url = f"{folder}/{self.job.training_job_name}/output/model.tar.gz"
        try:
            storage.write(self.job.role_arn, *storage.split_url(url), model.artefact)
        except storage.DeniedError as error:
            self._end("Failed", "Failed", f"ClientError: Artifact upload failed: the role lacks {error}")
            return
        except storage.MissingError as error:
            self._end("Failed", "Failed", f"ClientError: Artifact upload failed: no bucket {error}")
            return
        self.job.model_artifacts = {"S3ModelArtifacts": url}
        now = utcnow()
        self.job.final_metric_data_list = [
            {"MetricName": name, "Value": value, "Timestamp": now} for name, value in model.metrics.items()
        ]
        self._end("Completed", "Completed")

    def _end(self, status: str, secondary: str, reason: str | None = None) -> None:
        job = self.job
        seconds = self._limit() if secondary == "MaxRuntimeExceeded" else self.seconds()
        reported = self.behaviour.duration is not None or secondary == "MaxRuntimeExceeded"
        job.training_end_time = job.training_start_time + dt.timedelta(seconds=seconds) if reported else utcnow()
        job.training_time_in_seconds = job.billable_time_in_seconds = max(1, round(seconds))  # type: ignore[attr-defined]
        if reason is not None:
            job.failure_reason = reason  # type: ignore[attr-defined]
        self._set_secondary_status(secondary)
        job.secondary_status_transitions[-1]["EndTime"] = job.training_end_time
        job.training_job_status = status

    def _set_secondary_status(self, secondary: str, at: dt.datetime | None = None) -> None:
        now = at or utcnow()
        if self.job.secondary_status_transitions:
            self.job.secondary_status_transitions[-1]["EndTime"] = now
        self.job.secondary_status = secondary
        self.job.last_modified_time = now
        self.job.secondary_status_transitions.append(
            {"Status": secondary, "StartTime": now, "StatusMessage": MESSAGES[secondary]}
        )

    def _log(self, lines: tuple[str, ...]) -> None:
        """Write lines to CloudWatch if the role may; else the job has no log, as in AWS."""
        stream = f"{self.job.training_job_name}/algo-1-{int(self.job.creation_time.timestamp()):010d}"
        arn = f"arn:aws:logs:{self.region}:{DEFAULT_ACCOUNT_ID}:log-group:{LOG_GROUP}"
        permissions = (
            ("logs:CreateLogGroup", f"{arn}:log-stream:"),
            ("logs:CreateLogStream", f"{arn}:log-stream:{stream}"),
            ("logs:PutLogEvents", f"{arn}:log-stream:{stream}"),
        )
        if not all(role_may(self.job.role_arn, action, resource) for action, resource in permissions):
            return
        backend = logs_backends[DEFAULT_ACCOUNT_ID][self.region]
        if LOG_GROUP not in backend.groups:
            backend.create_log_group(LOG_GROUP, {})
        backend.create_log_stream(LOG_GROUP, stream)
        now = int(unix_time_millis())
        backend.put_log_events(LOG_GROUP, stream, [{"timestamp": now, "message": line} for line in lines])
