"""Evidence from the AWS mock's state, and its hints about failures."""

from __future__ import annotations

from typing import Any

import pytest

from harness.evidence.aws_state import AwsState
from harness.evidence.objects import StoredObject

STATE: dict[str, Any] = {
    "objects": {"bucket": {"key": {"size": 3, "sha256": "ab"}}},
    "sagemaker": {"training_jobs": {}, "models": {"right": {}}, "endpoint_configs": {}, "endpoints": {}},
    "logs": {"group": {"job/algo-1-1234567890": ["began 2021-01-01T00:00:00Z"]}},
    "calls": [],
}


def call(action: str, status: int, **rest: Any) -> dict[str, Any]:
    return {"service": "sagemaker", "action": action, "region": "eu-west-1", "status": status, **rest}


def test_the_mocks_state_becomes_plain_data() -> None:
    state = AwsState.from_document(STATE)
    assert state.objects == {"bucket": {"key": StoredObject(3, "ab")}}
    assert list(state.models) == ["right"]


def test_a_config_for_a_missing_model_gives_one_hint() -> None:
    parameters = {"ProductionVariants": [{"ModelName": "right"}, {"ModelName": "wrong"}]}
    error = {"code": "ValidationException", "message": "Could not find model"}
    failed = call("CreateEndpointConfig", 400, parameters=parameters, error=error)
    assert AwsState.from_document({**STATE, "calls": [failed, failed]}).hints() == (
        "CreateEndpointConfig refers to the model 'wrong' (EndpointConfig.ProductionVariants[1].ModelName), which does "
        "not exist; existing models: 'right' (Model.ModelName): make the two names the same",
    )


@pytest.mark.parametrize("parameters", [[1], "text", {"ProductionVariants": 3}])
def test_a_failed_call_with_other_parameters_gives_no_hint(parameters: Any) -> None:
    failed = call("POST /endpoints/e/invocations", 400, parameters=parameters, error={"code": "", "message": ""})
    assert AwsState.from_document({**STATE, "calls": [failed]}).hints() == ()


def test_a_successful_call_gives_no_hint() -> None:
    parameters = {"ProductionVariants": [{"ModelName": "deleted since"}]}
    assert (
        AwsState.from_document({**STATE, "calls": [call("CreateEndpointConfig", 200, parameters=parameters)]}).hints()
        == ()
    )
