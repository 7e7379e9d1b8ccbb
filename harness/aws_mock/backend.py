"""moto's SageMaker backend with AWS's errors, and with the states of jobs and endpoints."""

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

from . import configuration, errors, storage
from .authorization import check_trust
from .deployment import Deployment
from .training import Training

ECR = re.compile(r"\d{12}\.dkr\.ecr\.(?P<region>[a-z0-9-]+)\.amazonaws\.com(\.cn)?/(?P<name>[\w./-]+?)(:[\w.-]+|@.*)?")
ALGORITHMS = ("kmeans",)


class MockSageMakerBackend(SageMakerModelBackend):
    """SageMaker of one region.

    moto resets a backend by calling __init__ again, which also clears the attributes added here.
    """

    def __init__(self, region_name: str, account_id: str) -> None:
        super().__init__(region_name, account_id)
        self.trainings: dict[str, Training] = {}
        self.deployments: dict[str, Deployment] = {}

    def create_training_job(self, **parameters: Any) -> FakeTrainingJob:  # type: ignore[override]
        name, role = parameters["training_job_name"], parameters["role_arn"]
        check_name("TrainingJobName", name)
        if name in self.training_jobs:
            raise errors.job_exists(self.training_jobs[name].arn)
        check_instance_type("TrainingInstanceType", parameters["resource_config"], "resourceConfig.instanceType")
        self._check_image(parameters["algorithm_specification"].get("TrainingImage", ""), errors.other_region_to_train)
        check_trust(role, self._arn("training-job", name))
        for number, channel in enumerate(parameters["input_data_config"] or (), 1):
            self._check_input(channel, f"inputDataConfig.{number}.member.dataSource.s3DataSource.s3Uri", role)
        check_url(parameters["output_data_config"]["S3OutputPath"], "outputDataConfig.s3OutputPath")
        output, _ = storage.split_url(parameters["output_data_config"]["S3OutputPath"])
        if not storage.has_bucket(output):
            raise errors.no_output(output, self.region_name)
        parameters["input_data_config"] = parameters["input_data_config"] or []
        parameters["hyper_parameters"] = parameters["hyper_parameters"] or {}
        parameters["stopping_condition"] = {"MaxRuntimeInSeconds": 86400} | (parameters["stopping_condition"] or {})
        job = super().create_training_job(**parameters)
        training = self.trainings[name] = Training(job, self.region_name, configuration.current().training)
        training.begin()
        return job

    def describe_training_job(self, training_job_name: str) -> dict[str, Any]:
        if training_job_name not in self.training_jobs:
            raise errors.no_job()
        self.trainings[training_job_name].poll()
        return super().describe_training_job(training_job_name)

    def stop_training_job(self, training_job_name: str) -> None:
        if training_job_name not in self.training_jobs:
            raise errors.no_job()
        if not self.trainings[training_job_name].stop():
            raise errors.job_has_ended(self.training_jobs[training_job_name].training_job_status)

    def create_model(self, **parameters: Any) -> Model:  # type: ignore[override]
        name = parameters["model_name"]
        check_name("ModelName", name)
        if name in self._models:
            raise errors.exists("model", self._models[name].arn)
        check_trust(parameters["execution_role_arn"], self._arn("model", name))
        container = parameters["primary_container"] or {}
        self._check_image(container.get("Image", ""), errors.other_region)
        if "ModelDataUrl" in container:
            check_url(container["ModelDataUrl"], "primaryContainer.modelDataUrl")
        return super().create_model(**parameters)

    def describe_model(self, model_name: str) -> Model:
        if model_name not in self._models:
            raise errors.not_found("model", self._arn("model", model_name))
        return super().describe_model(model_name)

    def delete_model(self, model_name: str) -> None:
        self.describe_model(model_name)
        super().delete_model(model_name)

    def create_endpoint_config(self, **parameters: Any) -> FakeEndpointConfig:  # type: ignore[override]
        name = parameters["endpoint_config_name"]
        check_name("EndpointConfigName", name)
        if name in self.endpoint_configs:
            raise errors.exists("endpoint configuration", self.endpoint_configs[name].endpoint_config_arn)
        for number, variant in enumerate(parameters["production_variants"], 1):
            member = f"productionVariants.{number}.member.instanceType"
            check_instance_type("ProductionVariantInstanceType", variant, member)
        return super().create_endpoint_config(**parameters)

    def describe_endpoint_config(self, endpoint_config_name: str) -> dict[str, Any]:
        self._find_config(endpoint_config_name)
        return super().describe_endpoint_config(endpoint_config_name)

    def delete_endpoint_config(self, endpoint_config_name: str) -> None:
        self._find_config(endpoint_config_name)
        super().delete_endpoint_config(endpoint_config_name)

    def validate_production_variants(self, production_variants: list[dict[str, Any]]) -> None:
        for variant in production_variants:
            if variant["ModelName"] not in self._models:
                raise errors.not_found("model", self._arn("model", variant["ModelName"]))

    def create_endpoint(self, **parameters: Any) -> FakeEndpoint:  # type: ignore[override]
        name = parameters["endpoint_name"]
        check_name("EndpointName", name)
        if name in self.endpoints:
            raise errors.exists("endpoint", self.endpoints[name].arn)
        config = self._find_config(parameters["endpoint_config_name"])
        endpoint = super().create_endpoint(**parameters)
        deployment = self.deployments[name] = Deployment(endpoint)
        deployment.begin("Creating", config, self._find_model(config), configuration.current().endpoint)
        return endpoint

    def update_endpoint(self, endpoint_name: str, endpoint_config_name: str) -> FakeEndpoint:
        if endpoint_name not in self.endpoints:
            raise errors.not_found("endpoint", self._arn("endpoint", endpoint_name))
        endpoint, deployment = self.endpoints[endpoint_name], self.deployments[endpoint_name]
        if endpoint.endpoint_status in ("Creating", "Updating"):
            deployment.poll()
        if endpoint.endpoint_status in ("Creating", "Updating"):
            raise errors.in_progress(endpoint.arn)
        if endpoint.endpoint_status == "Failed":
            raise errors.has_failed(endpoint.arn)
        config = self._find_config(endpoint_config_name)
        deployment.begin("Updating", config, self._find_model(config), configuration.current().endpoint)
        return endpoint

    def describe_endpoint(self, endpoint_name: str) -> dict[str, Any]:
        if endpoint_name not in self.endpoints:
            raise errors.not_found("endpoint", self._arn("endpoint", endpoint_name))
        self.deployments[endpoint_name].poll()
        return super().describe_endpoint(endpoint_name)

    def delete_endpoint(self, endpoint_name: str) -> None:
        if endpoint_name not in self.endpoints:
            raise errors.not_found("endpoint", self._arn("endpoint", endpoint_name))
        self.deployments[endpoint_name].poll()
        if self.endpoints[endpoint_name].endpoint_status in ("Creating", "Updating"):
            raise errors.in_progress(self.endpoints[endpoint_name].arn)
        super().delete_endpoint(endpoint_name)
        del self.deployments[endpoint_name]

    def find_served_artefact(self, endpoint_name: str) -> bytes | None:
        """Return the artefact that an endpoint serves, or None if no such endpoint is in service."""
        deployment = self.deployments.get(endpoint_name)
        if deployment is None:
            return None
        if deployment.remaining_polls == 0:
            deployment.poll()
        return deployment.artefact

    def describe_all(self) -> dict[str, dict[str, Any]]:
        """Return the description of every resource by kind and name, without counting a poll."""
        return {
            "training_jobs": {name: job.response_object for name, job in self.training_jobs.items()},
            "models": {name: model.response_object for name, model in self._models.items()},
            "endpoint_configs": {name: config.response_object for name, config in self.endpoint_configs.items()},
            "endpoints": {name: endpoint.response_object for name, endpoint in self.endpoints.items()},
        }

    def _find_config(self, name: str) -> FakeEndpointConfig:
        if name not in self.endpoint_configs:
            raise errors.not_found("endpoint configuration", self._arn("endpoint-config", name))
        return self.endpoint_configs[name]

    def _find_model(self, config: FakeEndpointConfig) -> Model:
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
        bucket, prefix = storage.split_url(url)
        try:
            keys = storage.list_keys(role, bucket, prefix)
        except (storage.DeniedError, storage.MissingError):
            keys = []
        if not keys:
            raise errors.no_input(url, self.region_name, role, bucket)

    def _check_image(self, image: str, other_region: Callable[[str, str], ServiceException]) -> None:
        match = ECR.fullmatch(image)
        if match is None or match["name"].rpartition("/")[2] not in ALGORITHMS:
            raise errors.other_algorithm(image)
        if match["region"] != self.region_name:
            raise other_region(image, self.region_name)

    def _arn(self, kind: str, name: str) -> str:
        return f"arn:aws:sagemaker:{self.region_name}:{self.account_id}:{kind}/{name}".lower()


def install() -> None:
    """Make moto create MockSageMakerBackend for every region from now on."""
    MockSageMakerBackend.__module__ = SageMakerModelBackend.__module__  # moto finds the service's URLs by this name.
    sagemaker_backends.backend = MockSageMakerBackend
    # moto's list of instance types ends in 2020; check_instance_type uses botocore's.
    FakeEndpointConfig.validate_instance_type = lambda self, instance_type: None  # type: ignore[method-assign]


def check_instance_type(shape: str, holder: dict[str, Any], member: str) -> None:
    """Check the instance type against botocore's service model."""
    instance_type = holder.get("InstanceType")
    if instance_type is not None and instance_type not in _instance_types(shape):
        raise errors.enum(instance_type, member, list(_instance_types(shape)))


def check_name(shape: str, name: str) -> None:
    """Check a name against botocore's service model: letters, digits and hyphens, 63 at most."""
    rule = get_service_model("sagemaker").shape_for(shape).metadata
    member = shape[0].lower() + shape[1:]
    if len(name) > rule["max"]:
        raise errors.constraint(name, member, f"Member must have length less than or equal to {rule['max']}")
    if not re.fullmatch(rule["pattern"], name):
        raise errors.pattern(name, member, rule["pattern"])


def check_url(url: str, member: str) -> None:
    """Check the URL of an object or prefix against botocore's service model."""
    rule = get_service_model("sagemaker").shape_for("S3Uri").metadata["pattern"]
    if not re.fullmatch(rule, url):
        raise errors.pattern(url, member, rule)


@cache
def _instance_types(shape: str) -> tuple[str, ...]:
    return tuple(get_service_model("sagemaker").shape_for(shape).metadata["enum"])
