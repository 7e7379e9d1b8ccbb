"""The calls of test_dag, aws_handwritten_digit_classifier and the API, without Airflow.

The calls of the DAGs follow the provider's hooks/s3.py, hooks/sagemaker.py and operators/sagemaker.py (9.39.0).
"""

from __future__ import annotations

import json
from contextlib import suppress
from dataclasses import dataclass
from typing import Any

import requests
from botocore.exceptions import ClientError

from scenarios.account import BUCKET, ENDPOINT, LOG_GROUP, ROLE, ROLE_ARN, SOURCE_BUCKET, SOURCE_KEY
from scenarios.policies import Policy, apply
from tests.aws_mock.mock_process import REGION, Caller, enforce, reset
from tests.aws_mock.wire import recordio

IMAGE = "438346466558.dkr.ecr.eu-west-1.amazonaws.com/kmeans:1"
JOBS = ("mnistclassifier-2021-03-04-00-00-00", "mnistclassifier-2021-03-05-00-00-00")
DATA = recordio([[0, 0], [0, 1], [9, 9], [9, 8]])


class StepFailedError(Exception):
    """A job or an endpoint failed although AWS accepted every call."""


@dataclass(frozen=True)
class Account:
    caller: Caller
    api: Caller


def create_account(url: str, given: dict[str, Policy]) -> Account:
    """Create the chapter's account with these policies, and enforce IAM."""
    reset(url)
    anybody = Caller(url)
    s3, iam = anybody.client("s3"), anybody.client("iam")
    for bucket in (SOURCE_BUCKET, BUCKET):
        s3.create_bucket(Bucket=bucket, CreateBucketConfiguration={"LocationConstraint": REGION})
    s3.put_object(Bucket=SOURCE_BUCKET, Key=SOURCE_KEY, Body=DATA)
    iam.create_role(RoleName=ROLE, AssumeRolePolicyDocument=json.dumps(given["execution-role-trust"]))
    users = apply(iam, given)
    enforce(url)
    caller, api = (Caller(url, user.access_key, user.secret_key) for user in (users.caller, users.api))
    return Account(caller, api)


def find_first_failure(account: Account) -> str | None:
    """Run the pipeline for two dates, of which the second updates the endpoint.

    Returns the step that fails (a task's name, `log` or `api`), or None.
    """
    for job in JOBS:
        for step in (copy_mnist_data, extract_mnist_data, sagemaker_train_model, sagemaker_deploy_model, log, api):
            try:
                step(account, job)
            except (ClientError, StepFailedError):
                return step.__name__
    return None


def copy_mnist_data(account: Account, _: str) -> None:
    source = {"Bucket": SOURCE_BUCKET, "Key": SOURCE_KEY}
    account.caller.client("s3").copy_object(Bucket=BUCKET, Key="mnist.pkl.gz", CopySource=source, ACL="private")


def extract_mnist_data(account: Account, _: str) -> None:
    """Upload in one part, and in several, as boto3 does for the whole of MNIST."""
    s3 = account.caller.client("s3")
    s3.head_object(Bucket=BUCKET, Key="mnist.pkl.gz")
    content = s3.get_object(Bucket=BUCKET, Key="mnist.pkl.gz")["Body"].read()
    data: dict[str, Any] = {"Bucket": BUCKET, "Key": "mnist_data"}
    parts = {**data, "UploadId": s3.create_multipart_upload(**data)["UploadId"]}
    tag = s3.upload_part(**parts, PartNumber=1, Body=content)["ETag"]
    s3.complete_multipart_upload(**parts, MultipartUpload={"Parts": [{"PartNumber": 1, "ETag": tag}]})
    s3.put_object(**data, Body=content)


def sagemaker_train_model(account: Account, job: str) -> None:
    s3, sagemaker, logs = (account.caller.client(service) for service in ("s3", "sagemaker", "logs"))
    with suppress_code("ValidationException"):
        sagemaker.describe_training_job(TrainingJobName=job)
    s3.head_bucket(Bucket=BUCKET)
    s3.head_object(Bucket=BUCKET, Key="mnist_data")
    source = {"S3DataType": "S3Prefix", "S3Uri": f"s3://{BUCKET}/mnist_data"}
    sagemaker.create_training_job(
        TrainingJobName=job,
        AlgorithmSpecification={"TrainingImage": IMAGE, "TrainingInputMode": "File"},
        HyperParameters={"k": "2", "feature_dim": "2"},
        InputDataConfig=[{"ChannelName": "train", "DataSource": {"S3DataSource": source}}],
        OutputDataConfig={"S3OutputPath": f"s3://{BUCKET}/mnistclassifier-output"},
        ResourceConfig={"InstanceType": "ml.c4.xlarge", "InstanceCount": 1, "VolumeSizeInGB": 10},
        RoleArn=ROLE_ARN,
        StoppingCondition={"MaxRuntimeInSeconds": 86400},
    )
    described = sagemaker.describe_training_job(TrainingJobName=job)
    with suppress_code("ResourceNotFoundException"):
        streams = logs.describe_log_streams(logGroupName=LOG_GROUP, logStreamNamePrefix=f"{job}/")["logStreams"]
        for stream in streams:
            logs.get_log_events(logGroupName=LOG_GROUP, logStreamName=stream["logStreamName"], startFromHead=True)
    if described["TrainingJobStatus"] != "Completed":
        raise StepFailedError(described["FailureReason"])


def sagemaker_deploy_model(account: Account, job: str) -> None:
    sagemaker = account.caller.client("sagemaker")
    artefact = f"s3://{BUCKET}/mnistclassifier-output/{job}/output/model.tar.gz"
    sagemaker.create_model(
        ModelName=job, PrimaryContainer={"Image": IMAGE, "ModelDataUrl": artefact}, ExecutionRoleArn=ROLE_ARN
    )
    variant = {"ModelName": job, "VariantName": "a", "InitialInstanceCount": 1, "InstanceType": "ml.t2.medium"}
    sagemaker.create_endpoint_config(EndpointConfigName=job, ProductionVariants=[variant])
    try:
        sagemaker.create_endpoint(EndpointName=ENDPOINT, EndpointConfigName=job)
    except ClientError as error:
        if not error.response["Error"]["Message"].startswith("Cannot create already existing endpoint"):
            raise
        sagemaker.update_endpoint(EndpointName=ENDPOINT, EndpointConfigName=job)
    described = sagemaker.describe_endpoint(EndpointName=ENDPOINT)
    if described["EndpointStatus"] != "InService":
        raise StepFailedError(described["FailureReason"])
    sagemaker.describe_endpoint_config(EndpointConfigName=job)


def log(account: Account, job: str) -> None:
    logs = requests.get(f"{account.caller.url}/mock/state", timeout=10).json()["logs"].get(LOG_GROUP, {})
    if not any(stream.startswith(f"{job}/") for stream in logs):
        raise StepFailedError(f"no log of {job}")


def api(account: Account, _: str) -> None:
    body = recordio([[0, 0]])
    account.api.client("sagemaker-runtime").invoke_endpoint(
        EndpointName=ENDPOINT, Body=body, ContentType="application/x-recordio-protobuf"
    )


class suppress_code(suppress):  # noqa: N801  # reads like its base
    """Suppress AWS's errors with this code."""

    def __init__(self, code: str) -> None:
        super().__init__(ClientError)
        self._code = code

    def __exit__(self, kind: Any, error: Any, traceback: Any) -> bool:
        return super().__exit__(kind, error, traceback) and error.response["Error"]["Code"] == self._code
