"""Models, endpoint configurations and endpoints, tested through boto3."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from typing import Any

import numpy as np
import pytest
import requests
from botocore.exceptions import ClientError

from harness.aws_mock.artefact import pack
from tests.aws_mock.mock_process import Caller, reset, running_mock

IMAGE = "438346466558.dkr.ecr.eu-west-1.amazonaws.com/kmeans:1"
ROLE = "arn:aws:iam::123456789012:role/worker"
ARN = "arn:aws:sagemaker:eu-west-1:123456789012"
URL = "s3://bucket/model-{}.tar.gz"


@pytest.fixture(scope="module")
def url(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    with running_mock(tmp_path_factory.mktemp("mock")) as url:
        yield url


@pytest.fixture
def aws(url: str) -> Caller:
    """An account with a role and two artefacts, with a centroid at 1 and at 2."""
    reset(url)
    caller = Caller(url)
    caller.client("s3").create_bucket(Bucket="bucket", CreateBucketConfiguration={"LocationConstraint": "eu-west-1"})
    for number in (1, 2):
        content = pack(np.array([[number]], dtype=np.float32))
        caller.client("s3").put_object(Bucket="bucket", Key=f"model-{number}.tar.gz", Body=content)
    trust = {"Effect": "Allow", "Principal": {"Service": "sagemaker.amazonaws.com"}, "Action": "sts:AssumeRole"}
    document = json.dumps({"Version": "2012-10-17", "Statement": [trust]})
    caller.client("iam").create_role(RoleName="worker", AssumeRolePolicyDocument=document)
    return caller


def create_model(caller: Caller, name: str, number: int = 1, **changed: Any) -> None:
    container = {"Image": IMAGE, "ModelDataUrl": URL.format(number)}
    parameters = {"PrimaryContainer": container, "ExecutionRoleArn": ROLE, **changed}
    caller.client("sagemaker").create_model(ModelName=name, **parameters)


def create_config(caller: Caller, name: str, model: str, instance: str = "ml.t2.medium") -> None:
    variant = {"VariantName": "all", "ModelName": model, "InitialInstanceCount": 1, "InstanceType": instance}
    caller.client("sagemaker").create_endpoint_config(EndpointConfigName=name, ProductionVariants=[variant])


def create_both(caller: Caller, name: str, number: int = 1) -> None:
    """Create a model and a configuration with the same name."""
    create_model(caller, name, number)
    create_config(caller, name, name)


def create(caller: Caller, config: str, name: str = "endpoint") -> None:
    caller.client("sagemaker").create_endpoint(EndpointName=name, EndpointConfigName=config)


def update(caller: Caller, config: str, name: str = "endpoint") -> None:
    caller.client("sagemaker").update_endpoint(EndpointName=name, EndpointConfigName=config)


def describe(caller: Caller, name: str = "endpoint") -> dict[str, Any]:
    return dict(caller.client("sagemaker").describe_endpoint(EndpointName=name))


def get_distance(caller: Caller) -> float:
    """Return the distance from 0 to the only centroid of the served artefact."""
    answer = caller.client("sagemaker-runtime").invoke_endpoint(
        EndpointName="endpoint", ContentType="text/csv", Body="0"
    )
    return float(json.loads(answer["Body"].read())["predictions"][0]["distance_to_cluster"])


def configure(caller: Caller, **endpoint: Any) -> None:
    requests.post(f"{caller.url}/mock/configuration", json={"endpoint": endpoint}, timeout=10).raise_for_status()


def catch_error(call: Callable[..., None], *arguments: Any) -> str:
    """Return `Code: message` of the error that a call raises."""
    with pytest.raises(ClientError) as caught:
        call(*arguments)
    error = caught.value.response["Error"]
    return f"{error['Code']}: {error['Message']}"


def test_each_name_can_be_used_once(aws: Caller) -> None:
    create_both(aws, "one")
    create(aws, "one")
    text = 'ValidationException: Cannot create already existing {} "{}".'
    assert catch_error(create_model, aws, "one") == text.format("model", f"{ARN}:model/one")
    assert catch_error(create_config, aws, "one", "one") == text.format(
        "endpoint configuration", f"{ARN}:endpoint-config/one"
    )
    assert catch_error(create, aws, "one") == text.format("endpoint", f"{ARN}:endpoint/endpoint")


def test_a_missing_resource_is_an_error(aws: Caller) -> None:
    create_both(aws, "one")
    assert catch_error(create_config, aws, "two", "none").startswith("ValidationException: Could not find model")
    assert catch_error(create, aws, "none").startswith("ValidationException: Could not find endpoint configuration")
    assert catch_error(update, aws, "one", "none").startswith("ValidationException: Could not find endpoint")
    create(aws, "one")
    assert catch_error(update, aws, "none").startswith("ValidationException: Could not find endpoint configuration")
    assert catch_error(describe, aws, "none").startswith("ValidationException: Could not find endpoint")
    aws.client("sagemaker").delete_endpoint(EndpointName="endpoint")
    assert catch_error(describe, aws).startswith("ValidationException: Could not find endpoint")


def test_a_missing_role_is_an_error(aws: Caller) -> None:
    def create_without_role() -> None:
        create_model(aws, "one", ExecutionRoleArn=f"{ROLE}-none")

    assert catch_error(create_without_role).startswith("ValidationException: Could not assume role")


@pytest.mark.parametrize(
    ("container", "message"),
    [
        (
            {"Image": IMAGE.replace("eu-west", "us-east")},
            f'Region of "{IMAGE.replace("eu-west", "us-east")}" does not match expected region of eu-west-1.',
        ),
        (
            {"Image": IMAGE, "ModelDataUrl": "bucket/model-1.tar.gz"},
            "1 validation error detected: Value 'bucket/model-1.tar.gz' at 'primaryContainer.modelDataUrl'",
        ),
    ],
    ids=["region", "scheme"],
)
def test_an_invalid_container_is_an_error(aws: Caller, container: dict[str, str], message: str) -> None:
    def create_other() -> None:
        create_model(aws, "one", PrimaryContainer=container)

    assert catch_error(create_other).startswith(f"ValidationException: {message}")


@pytest.mark.parametrize(("instance", "known"), [("ml.g6.xlarge", True), ("ml.fancy", False)])
def test_instance_types_are_those_of_botocore(aws: Caller, instance: str, known: bool) -> None:
    """moto's own list ends in 2020."""
    create_model(aws, "one")
    if known:
        create_config(aws, "one", "one", instance)
    else:
        error = catch_error(create_config, aws, "one", "one", instance)
        assert "Value 'ml.fancy' at 'productionVariants.1.member.instanceType'" in error


def test_an_endpoint_comes_into_service_and_is_updated(aws: Caller) -> None:
    create_both(aws, "one", 1)
    create_both(aws, "two", 2)
    create(aws, "one")
    assert describe(aws)["EndpointStatus"] == "InService"
    assert get_distance(aws) == 1
    update(aws, "two")
    endpoint = describe(aws)
    assert (endpoint["EndpointStatus"], endpoint["EndpointConfigName"]) == ("InService", "two")
    assert get_distance(aws) == 2


def test_a_deployment_reports_progress_for_the_configured_polls(aws: Caller) -> None:
    create_both(aws, "one", 1)
    create_both(aws, "two", 2)
    configure(aws, polls=2)
    create(aws, "one")
    assert [describe(aws)["EndpointStatus"] for _ in range(3)] == ["Creating", "Creating", "InService"]
    update(aws, "two")
    assert catch_error(update, aws, "one").startswith("ValidationException: Cannot update in-progress endpoint")
    assert get_distance(aws) == 1, "the old model serves until the new one does"
    assert [describe(aws)["EndpointStatus"] for _ in range(2)] == ["Updating", "InService"]
    assert get_distance(aws) == 2


def test_a_missing_artefact_fails_the_deployment(aws: Caller) -> None:
    create_both(aws, "one", 1)
    create_both(aws, "lost", 9)
    create(aws, "lost", "other")
    endpoint = describe(aws, "other")
    assert endpoint["EndpointStatus"] == "Failed"
    assert endpoint["FailureReason"].startswith(
        'Failed to download model data for container "container_1" from URL: "s3:'
    )
    create(aws, "one")
    update(aws, "lost")
    endpoint = describe(aws)
    assert (endpoint["EndpointStatus"], endpoint["EndpointConfigName"]) == ("InService", "one"), "rolled back"
    assert endpoint["FailureReason"].startswith("Failed to download model data")
    assert get_distance(aws) == 1


def test_an_invalid_artefact_fails_the_deployment(aws: Caller) -> None:
    aws.client("s3").put_object(Bucket="bucket", Key="model-3.tar.gz", Body=b"not a model")
    create_both(aws, "broken", 3)
    create(aws, "broken")
    endpoint = describe(aws)
    assert endpoint["EndpointStatus"] == "Failed"
    assert endpoint["FailureReason"].startswith(
        "The primary container for production variant all did not pass the ping"
    )


def test_a_configured_failure(aws: Caller) -> None:
    create_both(aws, "one")
    configure(aws, fail="no such luck")
    create(aws, "one")
    endpoint = describe(aws)
    assert (endpoint["EndpointStatus"], endpoint["FailureReason"]) == ("Failed", "no such luck")
    configure(aws)
    assert catch_error(update, aws, "one").startswith("ValidationException: Cannot update failed endpoint")
    assert catch_error(get_distance, aws) == "ValidationError: Endpoint endpoint of account 123456789012 not found."


def test_a_deployed_artefact_stays_loaded(aws: Caller) -> None:
    create_both(aws, "one", 1)
    create(aws, "one")
    aws.client("s3").delete_object(Bucket="bucket", Key="model-1.tar.gz")
    assert get_distance(aws) == 1
    assert describe(aws)["EndpointStatus"] == "InService"


def test_an_endpoint_comes_into_service_without_a_poll(aws: Caller) -> None:
    """A DAG may create an endpoint without waiting for it."""
    create_both(aws, "one", 1)
    create(aws, "one")
    (listed,) = aws.client("sagemaker").list_endpoints()["Endpoints"]
    assert listed["EndpointStatus"] == "InService"
    state = requests.get(f"{aws.url}/mock/state", timeout=10).json()
    assert state["sagemaker"]["endpoints"]["endpoint"]["EndpointStatus"] == "InService"


def test_an_endpoint_in_creation_can_not_be_deleted(aws: Caller) -> None:
    create_both(aws, "one", 1)
    configure(aws, polls=1)
    create(aws, "one")
    sagemaker = aws.client("sagemaker")
    with pytest.raises(ClientError, match="Cannot update in-progress endpoint"):
        sagemaker.delete_endpoint(EndpointName="endpoint")
    sagemaker.delete_endpoint(EndpointName="endpoint")
    assert sagemaker.list_endpoints()["Endpoints"] == []
