"""InvokeEndpoint, tested through boto3 on an AWS mock that runs as in its container."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from typing import Any

import boto3
import numpy as np
import pytest
import requests
from botocore.config import Config
from botocore.exceptions import ClientError

from harness.aws_mock.artefact import pack
from tests.aws_mock.mock_process import running_mock
from tests.aws_mock.wire import recordio

REGION, ACCOUNT, BUCKET = "eu-west-1", "123456789012", "models"
IMAGE = "438346466558.dkr.ecr.eu-west-1.amazonaws.com/kmeans:1"
TRUST = {
    "Version": "2012-10-17",
    "Statement": [
        {"Effect": "Allow", "Principal": {"Service": "sagemaker.amazonaws.com"}, "Action": "sts:AssumeRole"},
    ],
}
RECORDIO, CSV, JSON = "application/x-recordio-protobuf", "text/csv", "application/json"
ROW = [9.0, 2.0, 2.0]
CENTROIDS = np.array([[0, 0, 0], [10, 0, 0]], dtype=np.float32)
"""The distance from ROW to the second centroid is 3."""

Client = Callable[[str], Any]


@pytest.fixture(scope="module")
def url(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    with running_mock(tmp_path_factory.mktemp("mock")) as url:
        yield url


@pytest.fixture
def client(url: str) -> Client:
    """Reset the mock and return a function that creates its boto3 clients."""
    requests.post(f"{url}/moto-api/reset", timeout=10).raise_for_status()

    def create_client(service: str) -> Any:
        return boto3.client(
            service,
            endpoint_url=url,
            region_name=REGION,
            aws_access_key_id="test",
            aws_secret_access_key="test",
            config=Config(retries={"total_max_attempts": 1}, proxies={}),
        )

    create_client("s3").create_bucket(Bucket=BUCKET, CreateBucketConfiguration={"LocationConstraint": REGION})
    create_client("iam").create_role(RoleName="worker", AssumeRolePolicyDocument=json.dumps(TRUST))
    return create_client


def deploy(client: Client, name: str, artefact: bytes, update: bool = False, variant: str = "AllTraffic") -> None:
    """Deploy a model and a configuration with this name to the endpoint `digits`."""
    client("s3").put_object(Bucket=BUCKET, Key=f"{name}/model.tar.gz", Body=artefact)
    sagemaker = client("sagemaker")
    sagemaker.create_model(
        ModelName=name,
        PrimaryContainer={"Image": IMAGE, "ModelDataUrl": f"s3://{BUCKET}/{name}/model.tar.gz"},
        ExecutionRoleArn=f"arn:aws:iam::{ACCOUNT}:role/worker",
    )
    variants = [
        {"ModelName": name, "VariantName": variant, "InitialInstanceCount": 1, "InstanceType": "ml.t2.medium"},
    ]
    sagemaker.create_endpoint_config(EndpointConfigName=name, ProductionVariants=variants)
    (sagemaker.update_endpoint if update else sagemaker.create_endpoint)(EndpointName="digits", EndpointConfigName=name)


def invoke(client: Client, body: bytes, content_type: str = CSV, **more: str) -> Any:
    runtime = client("sagemaker-runtime")
    return runtime.invoke_endpoint(EndpointName="digits", Body=body, ContentType=content_type, **more)


def predict(client: Client, body: bytes, content_type: str = CSV) -> Any:
    return json.loads(invoke(client, body, content_type)["Body"].read())


@pytest.mark.parametrize(
    ("content_type", "body"),
    [
        (RECORDIO, recordio([ROW])),
        (CSV, b"9,2,2\n"),
        (JSON, b'{"instances": [{"features": [9, 2, 2]}]}'),
        (JSON, b'{"instances": [{"data": {"features": {"values": [9, 2, 2]}}}]}'),
    ],
    ids=["recordio", "csv", "json", "nested json"],
)
def test_the_artefact_determines_the_response(client: Client, content_type: str, body: bytes) -> None:
    deploy(client, "first", pack(CENTROIDS))
    response = invoke(client, body, content_type)
    assert json.loads(response["Body"].read()) == {
        "predictions": [{"closest_cluster": 1.0, "distance_to_cluster": 3.0}],
    }
    assert response["ContentType"] == JSON
    assert response["InvokedProductionVariant"] == "AllTraffic"
    assert response["ResponseMetadata"]["HTTPStatusCode"] == 200


def test_a_binary_body_arrives_unchanged(client: Client) -> None:
    """moto decodes every body as UTF-8; a record of 784 times 255.0 is not UTF-8."""
    white = recordio([[255.0] * 784])
    with pytest.raises(UnicodeDecodeError):
        white.decode()
    deploy(client, "wide", pack(np.zeros((1, 784), dtype=np.float32)))
    assert predict(client, white, RECORDIO) == {
        "predictions": [{"closest_cluster": 0.0, "distance_to_cluster": pytest.approx(255 * 28)}],
    }


def test_the_response_names_the_variant(client: Client) -> None:
    deploy(client, "first", pack(CENTROIDS), variant="blue")
    assert invoke(client, b"9,2,2")["InvokedProductionVariant"] == "blue"


def test_an_updated_endpoint_serves_only_the_new_artefact(client: Client) -> None:
    deploy(client, "first", pack(CENTROIDS))
    assert predict(client, b"9,2,2")["predictions"] == [{"closest_cluster": 1.0, "distance_to_cluster": 3.0}]
    deploy(client, "second", pack(np.array([[9, 2, 2]], dtype=np.float32)), update=True)
    assert predict(client, b"9,2,2")["predictions"] == [{"closest_cluster": 0.0, "distance_to_cluster": 0.0}]


def test_an_artefact_overwritten_after_deployment_is_not_served(client: Client) -> None:
    """The container loads its artefact when it starts."""
    deploy(client, "first", pack(CENTROIDS))
    client("sagemaker").get_waiter("endpoint_in_service").wait(EndpointName="digits")
    client("s3").put_object(Bucket=BUCKET, Key="first/model.tar.gz", Body=pack(CENTROIDS[:1]))
    assert predict(client, b"9,2,2")["predictions"][0]["closest_cluster"] == 1.0


def test_a_missing_endpoint_is_an_error(client: Client) -> None:
    """Source of code and text: https://github.com/aws/amazon-sagemaker-examples/issues/293."""
    with pytest.raises(ClientError) as caught:
        invoke(client, b"9,2,2")
    error = caught.value.response
    assert error["Error"]["Code"] == "ValidationError"
    assert error["Error"]["Message"] == f"Endpoint digits of account {ACCOUNT} not found."
    assert error["ResponseMetadata"]["HTTPStatusCode"] == 400


def test_a_deleted_endpoint_is_an_error(client: Client) -> None:
    deploy(client, "first", pack(CENTROIDS))
    invoke(client, b"9,2,2")
    client("sagemaker").delete_endpoint(EndpointName="digits")
    with pytest.raises(ClientError, match="Endpoint digits of account"):
        invoke(client, b"9,2,2")


def test_an_endpoint_of_another_region_is_an_error(client: Client, url: str) -> None:
    deploy(client, "first", pack(CENTROIDS))
    keys = {"aws_access_key_id": "test", "aws_secret_access_key": "test"}
    elsewhere = boto3.client("sagemaker-runtime", endpoint_url=url, region_name="us-east-1", **keys)
    with pytest.raises(ClientError, match="Endpoint digits of account"):
        elsewhere.invoke_endpoint(EndpointName="digits", Body=b"9,2,2", ContentType=CSV)


def test_an_endpoint_in_creation_does_not_respond(client: Client, url: str) -> None:
    requests.post(f"{url}/mock/configuration", json={"endpoint": {"polls": 2}}, timeout=10).raise_for_status()
    deploy(client, "first", pack(CENTROIDS))
    with pytest.raises(ClientError) as caught:
        invoke(client, b"9,2,2")
    assert caught.value.response["Error"]["Code"] == "ValidationError"
    statuses = [client("sagemaker").describe_endpoint(EndpointName="digits")["EndpointStatus"] for _ in range(3)]
    assert statuses == ["Creating", "Creating", "InService"], "a failed invocation is not a poll"
    assert predict(client, b"9,2,2")["predictions"][0]["closest_cluster"] == 1.0


def test_a_failed_endpoint_does_not_respond(client: Client, url: str) -> None:
    parts = {"endpoint": {"fail": "no capacity"}}
    requests.post(f"{url}/mock/configuration", json=parts, timeout=10).raise_for_status()
    deploy(client, "first", pack(CENTROIDS))
    assert client("sagemaker").describe_endpoint(EndpointName="digits")["EndpointStatus"] == "Failed"
    with pytest.raises(ClientError) as caught:
        invoke(client, b"9,2,2")
    assert caught.value.response["Error"]["Code"] == "ValidationError"


@pytest.mark.parametrize(
    ("content_type", "body", "status", "message"),
    [
        (RECORDIO, recordio([[9.0, 2.0]]), 400, "unable to evaluate payload provided"),
        (RECORDIO, recordio([ROW])[:-1], 400, "unable to evaluate payload provided"),
        (CSV, b"\xff\xfe", 400, "unable to evaluate payload provided"),
        (JSON, b"{", 400, "unable to evaluate payload provided"),
        ("image/jpeg", b"\xff\xd8", 415, "content type image/jpeg is not supported"),
    ],
    ids=["too few features", "cut off", "not text", "not json", "a picture"],
)
def test_the_containers_error_is_wrapped_as_by_aws(
    client: Client, content_type: str, body: bytes, status: int, message: str
) -> None:
    """Source of code and text: https://github.com/aws/sagemaker-spark/issues/102.

    The fields are those of botocore's model.
    """
    deploy(client, "first", pack(CENTROIDS))
    with pytest.raises(ClientError) as caught:
        invoke(client, body, content_type)
    error = caught.value.response
    assert error["ResponseMetadata"]["HTTPStatusCode"] == 424
    assert error["Error"]["Code"] == "ModelError"
    assert error["Error"]["Message"] == (
        f'Received client error ({status}) from primary with message "{message}". See '
        f"https://{REGION}.console.aws.amazon.com/cloudwatch/home?region={REGION}#logEventViewer:group="
        f"/aws/sagemaker/Endpoints/digits in account {ACCOUNT} for more information."
    )
    assert error["OriginalStatusCode"] == status
    assert error["OriginalMessage"] == message
    assert error["LogStreamArn"] == f"arn:aws:logs:{REGION}:{ACCOUNT}:log-group:/aws/sagemaker/Endpoints/digits"


def test_boto3_raises_model_error(client: Client) -> None:
    deploy(client, "first", pack(CENTROIDS))
    runtime = client("sagemaker-runtime")
    with pytest.raises(runtime.exceptions.ModelError):
        runtime.invoke_endpoint(EndpointName="digits", Body=b"9,2", ContentType=CSV)


def test_an_endpoint_responds_after_an_error(client: Client) -> None:
    deploy(client, "first", pack(CENTROIDS))
    with pytest.raises(ClientError):
        invoke(client, b"9,2")
    assert predict(client, b"9,2,2")["predictions"][0]["closest_cluster"] == 1.0


def test_asynchronous_invocation_stays_motos(client: Client) -> None:
    runtime = client("sagemaker-runtime")
    response = runtime.invoke_endpoint_async(EndpointName="digits", InputLocation="s3://models/body")
    assert response["OutputLocation"].startswith("s3://")


@pytest.mark.at_length  # the chapter's scenarios deploy one
def test_a_trained_model_can_be_deployed(client: Client) -> None:
    """The whole path, from records in S3 to predictions."""
    near = np.array([[0, 0, 0], [1, 0, 0], [0, 1, 0], [-1, -1, 0]], dtype=np.float32)
    rows = np.concatenate([near, near + np.float32([100, 0, 0])])
    client("s3").put_object(Bucket=BUCKET, Key="rows", Body=recordio(rows.tolist(), range(8)))
    channel = {"S3DataType": "S3Prefix", "S3Uri": f"s3://{BUCKET}/rows", "S3DataDistributionType": "FullyReplicated"}
    client("sagemaker").create_training_job(
        TrainingJobName="job",
        AlgorithmSpecification={"TrainingImage": IMAGE, "TrainingInputMode": "File"},
        HyperParameters={"k": "2", "feature_dim": "3"},
        InputDataConfig=[{"ChannelName": "train", "DataSource": {"S3DataSource": channel}}],
        OutputDataConfig={"S3OutputPath": f"s3://{BUCKET}/out"},
        ResourceConfig={"InstanceType": "ml.c4.xlarge", "InstanceCount": 1, "VolumeSizeInGB": 10},
        RoleArn=f"arn:aws:iam::{ACCOUNT}:role/worker",
        StoppingCondition={"MaxRuntimeInSeconds": 60},
    )
    job = client("sagemaker").describe_training_job(TrainingJobName="job")
    assert job["TrainingJobStatus"] == "Completed"
    assert [metric["MetricName"] for metric in job["FinalMetricDataList"]] == ["train:msd"]
    _, key = job["ModelArtifacts"]["S3ModelArtifacts"].removeprefix("s3://").split("/", 1)
    deploy(client, "trained", client("s3").get_object(Bucket=BUCKET, Key=key)["Body"].read())
    here, there = predict(client, b"0,0,0\n100,0,0\n")["predictions"]
    assert here["closest_cluster"] != there["closest_cluster"]
    assert here["distance_to_cluster"] == there["distance_to_cluster"] == 0.0
