"""Models, endpoint configurations and endpoints as boto3 sees them."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from typing import Any

import numpy as np
import pytest
import requests
from botocore.exceptions import ClientError

from harness.aws_twin.artefact import packed
from tests.aws_twin.enforced import Caller, reset, twin

IMAGE = "438346466558.dkr.ecr.eu-west-1.amazonaws.com/kmeans:1"
ROLE = "arn:aws:iam::123456789012:role/worker"
ARN = "arn:aws:sagemaker:eu-west-1:123456789012"
URL = "s3://bucket/model-{}.tar.gz"


@pytest.fixture(scope="module")
def url(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    with twin(tmp_path_factory.mktemp("twin")) as url:
        yield url


@pytest.fixture
def aws(url: str) -> Caller:
    """An account with a role and two artefacts, model-1.tar.gz and model-2.tar.gz: one centroid at 1, at 2."""
    reset(url)
    caller = Caller(url)
    caller.client("s3").create_bucket(Bucket="bucket", CreateBucketConfiguration={"LocationConstraint": "eu-west-1"})
    for number in (1, 2):
        content = packed(np.array([[number]], dtype=np.float32))
        caller.client("s3").put_object(Bucket="bucket", Key=f"model-{number}.tar.gz", Body=content)
    trust = {"Effect": "Allow", "Principal": {"Service": "sagemaker.amazonaws.com"}, "Action": "sts:AssumeRole"}
    document = json.dumps({"Version": "2012-10-17", "Statement": [trust]})
    caller.client("iam").create_role(RoleName="worker", AssumeRolePolicyDocument=document)
    return caller


def model(caller: Caller, name: str, number: int = 1, **changed: Any) -> None:
    container = {"Image": IMAGE, "ModelDataUrl": URL.format(number)}
    wanted = {"PrimaryContainer": container, "ExecutionRoleArn": ROLE, **changed}
    caller.client("sagemaker").create_model(ModelName=name, **wanted)


def config(caller: Caller, name: str, model: str, instance: str = "ml.t2.medium") -> None:
    variant = {"VariantName": "all", "ModelName": model, "InitialInstanceCount": 1, "InstanceType": instance}
    caller.client("sagemaker").create_endpoint_config(EndpointConfigName=name, ProductionVariants=[variant])


def both(caller: Caller, name: str, number: int = 1) -> None:
    """A model and a configuration of one name."""
    model(caller, name, number)
    config(caller, name, name)


def create(caller: Caller, config: str, name: str = "endpoint") -> None:
    caller.client("sagemaker").create_endpoint(EndpointName=name, EndpointConfigName=config)


def update(caller: Caller, config: str, name: str = "endpoint") -> None:
    caller.client("sagemaker").update_endpoint(EndpointName=name, EndpointConfigName=config)


def described(caller: Caller, name: str = "endpoint") -> dict[str, Any]:
    return dict(caller.client("sagemaker").describe_endpoint(EndpointName=name))


def distance(caller: Caller) -> float:
    """From 0 to the one centroid that is served."""
    answer = caller.client("sagemaker-runtime").invoke_endpoint(
        EndpointName="endpoint", ContentType="text/csv", Body="0"
    )
    return float(json.loads(answer["Body"].read())["predictions"][0]["distance_to_cluster"])


def order(caller: Caller, **endpoint: Any) -> None:
    requests.post(f"{caller.url}/twin/orders", json={"endpoint": endpoint}, timeout=10).raise_for_status()


def refused(call: Callable[..., None], *arguments: Any) -> str:
    """`Code: message` of a refusal."""
    with pytest.raises(ClientError) as error:
        call(*arguments)
    said = error.value.response["Error"]
    return f"{said['Code']}: {said['Message']}"


def test_each_name_can_be_used_once(aws: Caller) -> None:
    both(aws, "one")
    create(aws, "one")
    told = 'ValidationException: Cannot create already existing {} "{}".'
    assert refused(model, aws, "one") == told.format("model", f"{ARN}:model/one")
    assert refused(config, aws, "one", "one") == told.format("endpoint configuration", f"{ARN}:endpoint-config/one")
    assert refused(create, aws, "one") == told.format("endpoint", f"{ARN}:endpoint/endpoint")


def test_what_is_not_there(aws: Caller) -> None:
    both(aws, "one")
    assert refused(config, aws, "two", "none").startswith("ValidationException: Could not find model")
    assert refused(create, aws, "none").startswith("ValidationException: Could not find endpoint configuration")
    assert refused(update, aws, "one", "none").startswith("ValidationException: Could not find endpoint")
    create(aws, "one")
    assert refused(update, aws, "none").startswith("ValidationException: Could not find endpoint configuration")
    assert refused(described, aws, "none").startswith("ValidationException: Could not find endpoint")
    aws.client("sagemaker").delete_endpoint(EndpointName="endpoint")
    assert refused(described, aws).startswith("ValidationException: Could not find endpoint")


def test_a_role_that_is_not_there(aws: Caller) -> None:
    def without() -> None:
        model(aws, "one", ExecutionRoleArn=f"{ROLE}-none")

    assert refused(without).startswith("ValidationException: Could not assume role")


@pytest.mark.parametrize(
    ("container", "told"),
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
def test_containers_that_aws_does_not_take(aws: Caller, container: dict[str, str], told: str) -> None:
    def other() -> None:
        model(aws, "one", PrimaryContainer=container)

    assert refused(other).startswith(f"ValidationException: {told}")


@pytest.mark.parametrize(("instance", "known"), [("ml.g6.xlarge", True), ("ml.fancy", False)])
def test_instance_types_are_those_of_botocore(aws: Caller, instance: str, known: bool) -> None:
    """moto's own list ends in 2020."""
    model(aws, "one")
    if known:
        config(aws, "one", "one", instance)
    else:
        told = refused(config, aws, "one", "one", instance)
        assert "Value 'ml.fancy' at 'productionVariants.1.member.instanceType'" in told


def test_an_endpoint_comes_into_service_and_is_updated(aws: Caller) -> None:
    both(aws, "one", 1)
    both(aws, "two", 2)
    create(aws, "one")
    assert described(aws)["EndpointStatus"] == "InService"
    assert distance(aws) == 1
    update(aws, "two")
    found = described(aws)
    assert (found["EndpointStatus"], found["EndpointConfigName"]) == ("InService", "two")
    assert distance(aws) == 2


def test_looks(aws: Caller) -> None:
    both(aws, "one", 1)
    both(aws, "two", 2)
    order(aws, looks=2)
    create(aws, "one")
    assert [described(aws)["EndpointStatus"] for _ in range(3)] == ["Creating", "Creating", "InService"]
    update(aws, "two")
    assert refused(update, aws, "one").startswith("ValidationException: Cannot update in-progress endpoint")
    assert distance(aws) == 1, "the old model serves until the new one does"
    assert [described(aws)["EndpointStatus"] for _ in range(2)] == ["Updating", "InService"]
    assert distance(aws) == 2


def test_a_model_without_its_artefact(aws: Caller) -> None:
    both(aws, "one", 1)
    both(aws, "lost", 9)
    create(aws, "lost", "other")
    found = described(aws, "other")
    assert found["EndpointStatus"] == "Failed"
    assert found["FailureReason"].startswith('Failed to download model data for container "container_1" from URL: "s3:')
    create(aws, "one")
    update(aws, "lost")
    found = described(aws)
    assert (found["EndpointStatus"], found["EndpointConfigName"]) == ("InService", "one"), "rolled back"
    assert found["FailureReason"].startswith("Failed to download model data")
    assert distance(aws) == 1


def test_an_artefact_that_is_none(aws: Caller) -> None:
    aws.client("s3").put_object(Bucket="bucket", Key="model-3.tar.gz", Body=b"not a model")
    both(aws, "broken", 3)
    create(aws, "broken")
    found = described(aws)
    assert found["EndpointStatus"] == "Failed"
    assert found["FailureReason"].startswith("The primary container for production variant all did not pass the ping")


def test_a_failure_to_order(aws: Caller) -> None:
    both(aws, "one")
    order(aws, fail="no such luck")
    create(aws, "one")
    found = described(aws)
    assert (found["EndpointStatus"], found["FailureReason"]) == ("Failed", "no such luck")
    order(aws)
    assert refused(update, aws, "one").startswith("ValidationException: Cannot update failed endpoint")
    assert refused(distance, aws) == "ValidationError: Endpoint endpoint of account 123456789012 not found."


def test_an_artefact_is_loaded_when_it_is_deployed(aws: Caller) -> None:
    both(aws, "one", 1)
    create(aws, "one")
    aws.client("s3").delete_object(Bucket="bucket", Key="model-1.tar.gz")
    assert distance(aws) == 1
    assert described(aws)["EndpointStatus"] == "InService"


def test_what_nobody_looks_at_comes_into_service_too(aws: Caller) -> None:
    """A DAG that does not wait leaves an endpoint that works."""
    both(aws, "one", 1)
    create(aws, "one")
    (listed,) = aws.client("sagemaker").list_endpoints()["Endpoints"]
    assert listed["EndpointStatus"] == "InService"
    state = requests.get(f"{aws.url}/twin/state", timeout=10).json()
    assert state["sagemaker"]["endpoints"]["endpoint"]["EndpointStatus"] == "InService"


def test_an_endpoint_that_is_being_made_can_not_be_deleted(aws: Caller) -> None:
    both(aws, "one", 1)
    order(aws, looks=1)
    create(aws, "one")
    sagemaker = aws.client("sagemaker")
    with pytest.raises(ClientError, match="Cannot update in-progress endpoint"):
        sagemaker.delete_endpoint(EndpointName="endpoint")
    sagemaker.delete_endpoint(EndpointName="endpoint")
    assert sagemaker.list_endpoints()["Endpoints"] == []
