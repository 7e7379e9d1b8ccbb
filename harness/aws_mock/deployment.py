"""The life of an endpoint: Creating or Updating, then InService or Failed.

A deployment loads the artefact; later changes of the object don't affect the endpoint.
"""

from __future__ import annotations

from dataclasses import dataclass, field

from moto.core.utils import utcnow
from moto.sagemaker.models import FakeEndpoint, FakeEndpointConfig, Model

from . import errors, storage
from .configuration import EndpointBehaviour
from .inference import ModelError, load


@dataclass
class Deployment:
    """The state of an endpoint's deployment.

    `artefact`: what the last successful deployment loaded. `config` and `model`: what the current one deploys.
    """

    endpoint: FakeEndpoint
    artefact: bytes | None = None
    behaviour: EndpointBehaviour = field(default_factory=EndpointBehaviour)
    remaining_polls: int = 0
    config: FakeEndpointConfig | None = None
    model: Model | None = None

    def begin(self, status: str, config: FakeEndpointConfig, model: Model, behaviour: EndpointBehaviour) -> None:
        """Start a deployment, and finish it at once unless polls are configured.

        `status`: Creating or Updating.
        """
        self.config, self.model, self.behaviour, self.remaining_polls = config, model, behaviour, behaviour.polls
        self.endpoint.endpoint_status = status
        self.endpoint.failure_reason = None
        self.endpoint.last_modified_time = utcnow()
        if not behaviour.polls:
            self._finish()

    def poll(self) -> None:
        """Count a description, and finish the deployment when no configured poll remains."""
        if self.endpoint.endpoint_status not in ("Creating", "Updating"):
            return
        if self.remaining_polls > 0:
            self.remaining_polls -= 1
            return
        self._finish()

    def _finish(self) -> None:
        """Write the final state.

        A failed update leaves the endpoint in service unchanged, as AWS rolls back.
        """
        assert self.config is not None
        assert self.model is not None
        endpoint = self.endpoint
        endpoint.last_modified_time = utcnow()
        try:
            artefact = self._load_artefact(self.model)
        except _FailedError as failure:
            endpoint.failure_reason = str(failure)  # type: ignore[assignment]
            endpoint.endpoint_status = "InService" if self.artefact is not None else "Failed"
            return
        self.artefact = artefact
        endpoint.endpoint_config_name = self.config.endpoint_config_name
        endpoint.production_variants = endpoint._process_production_variants(self.config.production_variants)
        endpoint.endpoint_status = "InService"

    def _load_artefact(self, model: Model) -> bytes:
        if self.behaviour.fail is not None:
            raise _FailedError(self.behaviour.fail)
        url = model.primary_container.get("ModelDataUrl", "")
        try:
            artefact = storage.read(model.execution_role_arn, *storage.split_url(url))
        except (storage.MissingError, storage.DeniedError) as error:
            raise _FailedError(errors.NO_MODEL_DATA.format(url=url)) from error
        try:
            load(artefact)
        except ModelError as error:
            assert self.config is not None
            variant = self.config.production_variants[0]["VariantName"]
            raise _FailedError(errors.NO_HEALTH.format(variant=variant)) from error
        return artefact


class _FailedError(Exception):
    """A failed deployment. The text is its reason."""
