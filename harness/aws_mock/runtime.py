"""InvokeEndpoint: pass a request's body to the endpoint's container."""

from __future__ import annotations

import json
from functools import lru_cache
from typing import cast
from urllib.parse import unquote

from moto.core.common_types import TYPE_RESPONSE
from moto.core.models import DEFAULT_ACCOUNT_ID
from moto.sagemaker.models import sagemaker_backends
from moto.sagemakerruntime import urls
from moto.sagemakerruntime.responses import SageMakerRuntimeResponse

from .artefact import Centroids
from .backend import MockSageMakerBackend
from .inference import ModelError, load, predict

JSON = "application/json"


class MockSageMakerRuntimeResponse(SageMakerRuntimeResponse):
    use_raw_body = True

    def invoke_endpoint(self) -> TYPE_RESPONSE:
        name = self._name()
        backend = cast(MockSageMakerBackend, sagemaker_backends[DEFAULT_ACCOUNT_ID][self.region])
        artefact = backend.find_served_artefact(name)
        if artefact is None:
            message = f"Endpoint {name} of account {DEFAULT_ACCOUNT_ID} not found."
            return _create_error(400, "ValidationError", {"Message": message})
        try:
            predictions = predict(_load_cached(artefact), self.headers.get("Content-Type", ""), self.raw_body)
        except ModelError as error:
            return self._create_model_error(name, error)
        (variant, *_) = backend.endpoints[name].production_variants
        headers = {"Content-Type": JSON, "x-Amzn-Invoked-Production-Variant": str(variant["VariantName"])}
        return 200, headers, json.dumps({"predictions": predictions})

    def _create_model_error(self, name: str, error: ModelError) -> TYPE_RESPONSE:
        group = f"/aws/sagemaker/Endpoints/{name}"
        console = f"https://{self.region}.console.aws.amazon.com/cloudwatch/home?region={self.region}"
        kind = "client" if error.status < 500 else "server"
        message = (
            f'Received {kind} error ({error.status}) from primary with message "{error}". '
            f"See {console}#logEventViewer:group={group} in account {DEFAULT_ACCOUNT_ID} for more information."
        )
        arn = f"arn:aws:logs:{self.region}:{DEFAULT_ACCOUNT_ID}:log-group:{group}"
        details = {"OriginalStatusCode": error.status, "OriginalMessage": str(error), "LogStreamArn": arn}
        return _create_error(424, "ModelError", {"Message": message, **details})

    def _name(self) -> str:
        return unquote(self.path.split("/")[2])

    def _determine_resource(self) -> str:
        return f"arn:aws:sagemaker:{self.region}:{DEFAULT_ACCOUNT_ID}:endpoint/{self._name()}".lower()


def _create_error(status: int, code: str, body: dict[str, object]) -> TYPE_RESPONSE:
    headers = {"Content-Type": JSON, "x-amzn-errortype": code, "status": str(status)}
    return status, headers, json.dumps(body)


@lru_cache(maxsize=8)
def _load_cached(artefact: bytes) -> Centroids:
    return load(artefact)


def install() -> None:
    for path in urls.url_paths:
        urls.url_paths[path] = MockSageMakerRuntimeResponse.dispatch
