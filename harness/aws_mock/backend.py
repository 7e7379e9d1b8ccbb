"""moto's SageMaker with AWS's refusals, and with jobs and endpoints that live."""

from __future__ import annotations

import re
from collections.abc import Callable
from functools import cache
from typing import Any

from moto.core.exceptions import ServiceException
from moto.core.utils import get_service_model
from moto.sagemaker.models import (
    FakeEndpoint,
    FakeEndpointConfig,
    FakeTrainingJob,
    Model,
    SageMakerModelBackend,
    sagemaker_backends,
)

from . import errors, orders, storage
from .authorization import check_trust
from .deploying import Deployment
from .training import Training

ECR = re.compile(r"\d{12}\.dkr\.ecr\.(?P<region>[a-z0-9-]+)\.amazonaws\.com(\.cn)?/(?P<name>[\w./-]+?)(:[\w.-]+|@.*)?")
ALGORITHMS = ("kmeans",)


class TwinSageMakerBackend(SageMakerModelBackend):
    """moto resets a backend by calling __init__ again, so all that is kept here goes with it."""

    def __init__(self, region_name: str, account_id: str) -> None:
        super().__init__(region_name, account_id)
        self.trainings: dict[str, Training] = {}
        self.deployments: dict[str, Deployment] = {}

    def create_training_job(self, **wanted: Any) -> FakeTrainingJob:  # type: ignore[override]
        name, role = wanted["training_job_name"], wanted["role_arn"]
        check_name("TrainingJobName", name)
        if name in self.training_jobs:
            raise errors.job_exists(self.training_jobs[name].arn)
        check_instance_type("TrainingInstanceType", wanted["resource_config"], "resourceConfig.instanceType")
        self._check_image(wanted["algorithm_specification"].get("TrainingImage", ""), errors.other_region_to_train)
        check_trust(role, self._arn("training-job", name))
        for number, channel in enumerate(wanted["input_data_config"] or (), 1):
            self._check_input(channel, f"inputDataConfig.{number}.member.dataSource.s3DataSource.s3Uri", role)
        check_url(wanted["output_data_config"]["S3OutputPath"], "outputDataConfig.s3OutputPath")
        output, _ = storage.split(wanted["output_data_config"]["S3OutputPath"])
        if not storage.has_bucket(output):
            raise errors.no_output(output, self.region_name)
        wanted["input_data_config"] = wanted["input_data_config"] or []
        wanted["hyper_parameters"] = wanted["hyper_parameters"] or {}
        wanted["stopping_condition"] = {"MaxRuntimeInSeconds": 86400} | (wanted["stopping_condition"] or {})
        job = super().create_training_job(**wanted)
        training = self.trainings[name] = Training(job, self.region_name, orders.current().training)
        training.begin()
        return job

    def describe_training_job(self, training_job_name: str) -> dict[str, Any]:
        if training_job_name not in self.training_jobs:
            raise errors.no_job()
        self.trainings[training_job_name].looked_at()
        return super().describe_training_job(training_job_name)

    def stop_training_job(self, training_job_name: str) -> None:
        if training_job_name not in self.training_jobs:
            raise errors.no_job()
        if not self.trainings[training_job_name].stop():
            raise errors.job_has_ended(self.training_jobs[training_job_name].training_job_status)

    def create_model(self, **wanted: Any) -> Model:  # type: ignore[override]
        name = wanted["model_name"]
        check_name("ModelName", name)
        if name in self._models:
            raise errors.exists("model", self._models[name].arn)
        check_trust(wanted["execution_role_arn"], self._arn("model", name))
        container = wanted["primary_container"] or {}
        self._check_image(container.get("Image", ""), errors.other_region)
        if "ModelDataUrl" in container:
            check_url(container["ModelDataUrl"], "primaryContainer.modelDataUrl")
        return super().create_model(**wanted)

    def describe_model(self, model_name: str) -> Model:
        if model_name not in self._models:
            raise errors.not_found("model", self._arn("model", model_name))
        return super().describe_model(model_name)

    def delete_model(self, model_name: str) -> None:
        self.describe_model(model_name)
        super().delete_model(model_name)

    def create_endpoint_config(self, **wanted: Any) -> FakeEndpointConfig:  # type: ignore[override]
        name = wanted["endpoint_config_name"]
        check_name("EndpointConfigName", name)
        if name in self.endpoint_configs:
            raise errors.exists("endpoint configuration", self.endpoint_configs[name].endpoint_config_arn)
        for number, variant in enumerate(wanted["production_variants"], 1):
            member = f"productionVariants.{number}.member.instanceType"
            check_instance_type("ProductionVariantInstanceType", variant, member)
        return super().create_endpoint_config(**wanted)

    def describe_endpoint_config(self, endpoint_config_name: str) -> dict[str, Any]:
        self._config(endpoint_config_name)
        return super().describe_endpoint_config(endpoint_config_name)

    def delete_endpoint_config(self, endpoint_config_name: str) -> None:
        self._config(endpoint_config_name)
        super().delete_endpoint_config(endpoint_config_name)

    def validate_production_variants(self, production_variants: list[dict[str, Any]]) -> None:
        for variant in production_variants:
            if variant["ModelName"] not in self._models:
                raise errors.not_found("model", self._arn("model", variant["ModelName"]))

    def create_endpoint(self, **wanted: Any) -> FakeEndpoint:  # type: ignore[override]
        name = wanted["endpoint_name"]
        check_name("EndpointName", name)
        if name in self.endpoints:
            raise errors.exists("endpoint", self.endpoints[name].arn)
        config = self._config(wanted["endpoint_config_name"])
        endpoint = super().create_endpoint(**wanted)
        deployment = self.deployments[name] = Deployment(endpoint)
        deployment.begin("Creating", config, self._model_of(config), orders.current().endpoint)
        return endpoint

    def update_endpoint(self, endpoint_name: str, endpoint_config_name: str) -> FakeEndpoint:
        if endpoint_name not in self.endpoints:
            raise errors.not_found("endpoint", self._arn("endpoint", endpoint_name))
        endpoint, deployment = self.endpoints[endpoint_name], self.deployments[endpoint_name]
        if endpoint.endpoint_status in ("Creating", "Updating"):
            deployment.looked_at()
        if endpoint.endpoint_status in ("Creating", "Updating"):
            raise errors.in_progress(endpoint.arn)
        if endpoint.endpoint_status == "Failed":
            raise errors.has_failed(endpoint.arn)
        config = self._config(endpoint_config_name)
        deployment.begin("Updating", config, self._model_of(config), orders.current().endpoint)
        return endpoint

    def describe_endpoint(self, endpoint_name: str) -> dict[str, Any]:
        if endpoint_name not in self.endpoints:
            raise errors.not_found("endpoint", self._arn("endpoint", endpoint_name))
        self.deployments[endpoint_name].looked_at()
        return super().describe_endpoint(endpoint_name)

    def delete_endpoint(self, endpoint_name: str) -> None:
        if endpoint_name not in self.endpoints:
            raise errors.not_found("endpoint", self._arn("endpoint", endpoint_name))
        self.deployments[endpoint_name].looked_at()
        if self.endpoints[endpoint_name].endpoint_status in ("Creating", "Updating"):
            raise errors.in_progress(self.endpoints[endpoint_name].arn)
        super().delete_endpoint(endpoint_name)
        del self.deployments[endpoint_name]

    def serving(self, endpoint_name: str) -> bytes | None:
        """The artefact that an endpoint answers from; None where there is no such endpoint, or nothing in service."""
        deployment = self.deployments.get(endpoint_name)
        if deployment is None:
            return None
        if deployment.looks == 0:
            deployment.looked_at()
        return deployment.artefact

    def resources(self) -> dict[str, dict[str, Any]]:
        """Everything there is, by kind and name, as it would be described; nobody's look is counted."""
        return {
            "training_jobs": {name: job.response_object for name, job in self.training_jobs.items()},
            "models": {name: model.response_object for name, model in self._models.items()},
            "endpoint_configs": {name: config.response_object for name, config in self.endpoint_configs.items()},
            "endpoints": {name: endpoint.response_object for name, endpoint in self.endpoints.items()},
        }

    def _config(self, name: str) -> FakeEndpointConfig:
        if name not in self.endpoint_configs:
            raise errors.not_found("endpoint configuration", self._arn("endpoint-config", name))
        return self.endpoint_configs[name]

    def _model_of(self, config: FakeEndpointConfig) -> Model:
        name = config.production_variants[0]["ModelName"]
        if name not in self._models:
            raise errors.not_found("model", self._arn("model", name))
        return self._models[name]

    def _check_input(self, channel: dict[str, Any], member: str, role: str) -> None:
        source = channel["DataSource"].get("S3DataSource", {})
        plain = source.get("S3DataType") == "S3Prefix" and channel.get("CompressionType", "None") == "None"
        if not plain or channel.get("RecordWrapperType", "None") != "None":
            raise errors.other_channel(channel["ChannelName"])
        url = source["S3Uri"]
        check_url(url, member)
        bucket, prefix = storage.split(url)
        try:
            found = storage.keys(role, bucket, prefix)
        except (storage.DeniedError, storage.MissingError):
            found = []
        if not found:
            raise errors.no_input(url, self.region_name, role, bucket)

    def _check_image(self, image: str, other_region: Callable[[str, str], ServiceException]) -> None:
        found = ECR.fullmatch(image)
        if found is None or found["name"].rpartition("/")[2] not in ALGORITHMS:
            raise errors.other_algorithm(image)
        if found["region"] != self.region_name:
            raise other_region(image, self.region_name)

    def _arn(self, kind: str, name: str) -> str:
        return f"arn:aws:sagemaker:{self.region_name}:{self.account_id}:{kind}/{name}".lower()


def install() -> None:
    """Every SageMaker backend that moto makes from now on is the twin's."""
    TwinSageMakerBackend.__module__ = SageMakerModelBackend.__module__  # moto finds a service's URLs by this name
    sagemaker_backends.backend = TwinSageMakerBackend
    # Its own list is of 2020.
    FakeEndpointConfig.validate_instance_type = lambda self, instance_type: None  # type: ignore[method-assign]


def check_instance_type(shape: str, holder: dict[str, Any], member: str) -> None:
    """Instance types are those of botocore's service model."""
    wanted = holder.get("InstanceType")
    if wanted is not None and wanted not in _instance_types(shape):
        raise errors.enum(wanted, member, list(_instance_types(shape)))


def check_name(shape: str, name: str) -> None:
    """Names are as botocore's service model has them: letters, digits and single dashes, 63 at most."""
    rule = get_service_model("sagemaker").shape_for(shape).metadata
    member = shape[0].lower() + shape[1:]
    if len(name) > rule["max"]:
        raise errors.constraint(name, member, f"Member must have length less than or equal to {rule['max']}")
    if not re.fullmatch(rule["pattern"], name):
        raise errors.pattern(name, member, rule["pattern"])


def check_url(url: str, member: str) -> None:
    """Of an object or prefix, as botocore's service model has it."""
    rule = get_service_model("sagemaker").shape_for("S3Uri").metadata["pattern"]
    if not re.fullmatch(rule, url):
        raise errors.pattern(url, member, rule)


@cache
def _instance_types(shape: str) -> tuple[str, ...]:
    return tuple(get_service_model("sagemaker").shape_for(shape).metadata["enum"])
