"""SageMaker's calls: those that moto lacks, the ARNs of all, and checks of PassRole."""

from __future__ import annotations

from typing import cast

from moto.core.responses import ActionResult, EmptyResult
from moto.sagemaker import urls
from moto.sagemaker.responses import SageMakerResponse

from .authorization import check_pass_role, sagemaker_resource
from .backend import MockSageMakerBackend


class MockSageMakerResponse(SageMakerResponse):
    @property
    def mock(self) -> MockSageMakerBackend:
        return cast(MockSageMakerBackend, self.sagemaker_backend)

    def create_training_job(self) -> ActionResult:
        check_pass_role(self, self._get_param("RoleArn"))
        return super().create_training_job()

    def stop_training_job(self) -> ActionResult:
        self.mock.stop_training_job(self._get_param("TrainingJobName"))
        return EmptyResult()

    def create_model(self) -> ActionResult:
        check_pass_role(self, self._get_param("ExecutionRoleArn"))
        return super().create_model()

    def update_endpoint(self) -> ActionResult:
        endpoint = self.mock.update_endpoint(self._get_param("EndpointName"), self._get_param("EndpointConfigName"))
        return ActionResult({"EndpointArn": endpoint.arn})

    def _determine_resource(self) -> str:
        return sagemaker_resource(self._get_action(), self.params, self.region)


def install() -> None:
    urls.url_paths["{0}/$"] = MockSageMakerResponse.dispatch
