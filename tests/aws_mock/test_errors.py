"""The mock's errors equal the public reports that they come from."""

from __future__ import annotations

import inspect

import pytest
from moto.core.exceptions import ServiceException
from moto.core.utils import get_service_model

from harness.aws_mock import errors

ACCOUNT, REGION = "123456789012", "eu-west-1"
ARN = f"arn:aws:sagemaker:{REGION}:{ACCOUNT}"
ROLE = f"arn:aws:iam::{ACCOUNT}:role/worker"

ELSEWHERE = {
    "required_hyperparameters": "kmeans.py",
    "no_endpoint_to_invoke": "runtime.py",
    "pass_role": "authorization.py",
    "download_denied": "training.py",
    "upload_denied": "training.py",
    "hyperparameters": "kmeans.py",
}
"""Texts in other modules whose sources errors.py lists."""

REPORTED: dict[str, tuple[ServiceException | str, str]] = {
    "exists": (
        errors.exists("endpoint", f"{ARN}:endpoint/iris"),
        f'Cannot create already existing endpoint "{ARN}:endpoint/iris".',
    ),
    "job_exists": (
        errors.job_exists(f"{ARN}:training-job/iris"),
        "Training job names must be unique within an AWS account and region, and a training job with this name already "
        f"exists ({ARN}:training-job/iris)",
    ),
    "no_input": (
        errors.no_input("s3://iris/train", REGION, ROLE, "iris"),
        'No S3 objects found under S3 URL "s3://iris/train" given in input data source. Please ensure that the bucket '
        f"exists in the selected region ({REGION}), that objects exist under that S3 prefix, and that the role "
        f'"{ROLE}" has "s3:ListBucket" permissions on bucket "iris".',
    ),
    "could_not_assume_role": (
        errors.could_not_assume_role(ROLE),
        f"Could not assume role {ROLE}. Please ensure that the role exists and allows principal "
        "'sagemaker.amazonaws.com' to assume the role.",
    ),
    "job_has_ended": (
        errors.job_has_ended("Stopped"),
        "The request was rejected because the training job is in status Stopped.",
    ),
    "no_job": (errors.no_job(), "Requested resource not found."),
    "not_found": (errors.not_found("model", f"{ARN}:model/iris"), f'Could not find model "{ARN}:model/iris".'),
    "in_progress": (
        errors.in_progress(f"{ARN}:endpoint/iris"),
        f'Cannot update in-progress endpoint "{ARN}:endpoint/iris".',
    ),
    "enum": (
        errors.enum("ml.t2.medium", "resourceConfig.instanceType", ["ml.p2.xlarge", "ml.m5.4xlarge"]),
        "1 validation error detected: Value 'ml.t2.medium' at 'resourceConfig.instanceType' failed to satisfy "
        "constraint: Member must satisfy enum value set: [ml.p2.xlarge, ml.m5.4xlarge]",
    ),
    "constraint": (
        errors.constraint("iris", "trainingJobName", "Member must have length less than or equal to 63"),
        "1 validation error detected: Value 'iris' at 'trainingJobName' failed to satisfy constraint: Member must have "
        "length less than or equal to 63",
    ),
    "pattern": (
        errors.pattern("a_b", "trainingJobName", "[a-zA-Z0-9](-*[a-zA-Z0-9])*"),
        "1 validation error detected: Value 'a_b' at 'trainingJobName' failed to satisfy constraint: Member must "
        "satisfy regular expression pattern: ^[a-zA-Z0-9](-*[a-zA-Z0-9])*",
    ),
    "other_region": (
        errors.other_region("811284229777.dkr.ecr.us-east-1.amazonaws.com/kmeans:1", REGION),
        'Region of "811284229777.dkr.ecr.us-east-1.amazonaws.com/kmeans:1" does not match expected region of '
        f"{REGION}. Cross region ECR image pulls are not allowed.",
    ),
    "other_region_to_train": (
        errors.other_region_to_train("811284229777.dkr.ecr.us-east-1.amazonaws.com/xgboost:1", "eu-central-1"),
        "Invalid DNS suffix 'amazonaws.com' for region 'us-east-1' in training image. Please provide the valid "
        "<region>.<dns-suffix>: 'eu-central-1.amazonaws.com'",
    ),
    "NO_MODEL_DATA": (
        errors.NO_MODEL_DATA.format(url="s3://iris/model.tar.gz"),
        'Failed to download model data for container "container_1" from URL: "s3://iris/model.tar.gz". Please ensure '
        "that there is an object located at the URL and that the role passed to CreateModel has permissions to "
        "download the object.",
    ),
    "NO_HEALTH": (
        errors.NO_HEALTH.format(variant="AllTraffic"),
        "The primary container for production variant AllTraffic did not pass the ping health check. Please check "
        "CloudWatch logs for this endpoint.",
    ),
    "PAYLOAD": (errors.PAYLOAD, "unable to evaluate payload provided"),
}
"""Name -> (text of errors.py, text of the report that SOURCES names with the same names filled in)."""


def list_texts() -> set[str]:
    """List the functions and constants of errors.py that hold the text of an error."""
    functions = {name for name, _ in inspect.getmembers(errors, inspect.isfunction)}
    constants = {name for name in vars(errors) if name.isupper() and isinstance(getattr(errors, name), str)}
    return functions | constants


def test_each_text_has_a_source_or_is_listed_as_unconfirmed() -> None:
    assert set(errors.SOURCES) & set(errors.UNCONFIRMED) == set()
    assert list_texts() | set(ELSEWHERE) == set(errors.SOURCES) | set(errors.UNCONFIRMED)


def test_sources_are_addresses() -> None:
    assert [source for source in errors.SOURCES.values() if not source.startswith("https://")] == []


def test_each_source_is_quoted_here() -> None:
    assert set(REPORTED) == set(errors.SOURCES) - set(ELSEWHERE)


@pytest.mark.parametrize("name", list(REPORTED))
def test_the_text_equals_the_report(name: str) -> None:
    error, reported = REPORTED[name]
    assert (error if isinstance(error, str) else error.message) == reported


def test_codes_are_those_of_sagemaker() -> None:
    """botocore's model has ResourceInUse; ValidationException is common to all JSON services."""
    codes = {name: error.code for name, (error, _) in REPORTED.items() if isinstance(error, ServiceException)}
    assert codes.pop("job_exists") == "ResourceInUse"
    assert get_service_model("sagemaker").shape_for("ResourceInUse").metadata["exception"] is True
    assert set(codes.values()) == {"ValidationException"}
