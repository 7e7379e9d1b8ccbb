"""An endpoint's life: Creating or Updating, then InService or Failed. What it serves is loaded when it is deployed."""

from __future__ import annotations

from dataclasses import dataclass, field

from moto.core.utils import utcnow
from moto.sagemaker.models import FakeEndpoint, FakeEndpointConfig, Model

from . import errors, storage
from .inference import ModelError, load
from .orders import EndpointOrder


@dataclass
class Deployment:
    """What moves an endpoint. `artefact` is served since the last deployment that went well."""

    endpoint: FakeEndpoint
    artefact: bytes | None = None
    order: EndpointOrder = field(default_factory=EndpointOrder)
    looks: int = 0
    wanted: FakeEndpointConfig | None = None
    model: Model | None = None

    def begin(self, status: str, config: FakeEndpointConfig, model: Model, order: EndpointOrder) -> None:
        """`status`: Creating or Updating. Without looks to wait for it is over at once."""
        self.wanted, self.model, self.order, self.looks = config, model, order, order.looks
        self.endpoint.endpoint_status = status
        self.endpoint.failure_reason = None
        self.endpoint.last_modified_time = utcnow()
        if not order.looks:
            self._conclude()

    def looked_at(self) -> None:
        if self.endpoint.endpoint_status not in ("Creating", "Updating"):
            return
        if self.looks > 0:
            self.looks -= 1
            return
        self._conclude()

    def _conclude(self) -> None:
        """An update that fails leaves the endpoint in service as it was; AWS rolls it back."""
        assert self.wanted is not None
        assert self.model is not None
        endpoint = self.endpoint
        endpoint.last_modified_time = utcnow()
        try:
            artefact = self._loaded(self.model)
        except _FailedError as failure:
            endpoint.failure_reason = str(failure)  # type: ignore[assignment]
            endpoint.endpoint_status = "InService" if self.artefact is not None else "Failed"
            return
        self.artefact = artefact
        endpoint.endpoint_config_name = self.wanted.endpoint_config_name
        endpoint.production_variants = endpoint._process_production_variants(self.wanted.production_variants)
        endpoint.endpoint_status = "InService"

    def _loaded(self, model: Model) -> bytes:
        if self.order.fail is not None:
            raise _FailedError(self.order.fail)
        url = model.primary_container.get("ModelDataUrl", "")
        try:
            artefact = storage.read(model.execution_role_arn, *storage.split(url))
        except (storage.MissingError, storage.DeniedError) as error:
            raise _FailedError(errors.NO_MODEL_DATA.format(url=url)) from error
        try:
            load(artefact)
        except ModelError as error:
            assert self.wanted is not None
            variant = self.wanted.production_variants[0]["VariantName"]
            raise _FailedError(errors.NO_HEALTH.format(variant=variant)) from error
        return artefact


class _FailedError(Exception):
    """The deployment fails, with this reason."""
