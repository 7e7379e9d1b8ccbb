"""AWS's errors, quoted from public reports where available.

The codes come from botocore's service models (`sagemaker/2017-07-24`, `sagemaker-runtime/2017-05-13`). UNCONFIRMED
lists the errors without a public report: their codes are AWS's, their texts are the harness's.
"""

from __future__ import annotations

from collections.abc import Mapping

from moto.core.exceptions import ServiceException
from moto.sagemaker.exceptions import ResourceInUseException, ValidationError

SOURCES: Mapping[str, str] = {
    "exists": "https://github.com/aws/sagemaker-python-sdk/issues/101",
    "job_exists": "https://github.com/SuperCowPowers/workbench/issues/384",
    "no_input": "https://github.com/aws/amazon-sagemaker-examples/issues/2489",
    "could_not_assume_role": "https://github.com/awslabs/predictive-maintenance-using-machine-learning/issues/3",
    "job_has_ended": "https://github.com/awslabs/benchmark-ai/issues/928",
    "no_job": "https://github.com/aws/amazon-sagemaker-examples/issues/2360",
    "not_found": "https://github.com/aws/sagemaker-python-sdk/issues/2112",
    # controllers/sdkutil/clientwrapper/sagemaker_client.go quotes the start of the text, from DeleteEndpoint.
    "in_progress": "https://github.com/aws/amazon-sagemaker-operator-for-k8s",
    "enum": "https://github.com/aws-samples/aws-sagemaker-heart-disease-prediction/issues/1",
    "constraint": "https://github.com/zenml-io/zenml/issues/1517",
    "pattern": "https://github.com/aws/sagemaker-python-sdk/issues/384",
    "other_region": "https://github.com/ed-donner/alex/issues/30",
    "other_region_to_train": "https://github.com/aws-samples/mlops-amazon-sagemaker/issues/9",
    "NO_MODEL_DATA": "https://github.com/aws-solutions-library-samples/fraud-detection-using-machine-learning/issues/9",
    "NO_HEALTH": "https://github.com/aws/sagemaker-python-sdk/issues/452",
    "required_hyperparameters": "https://github.com/kubeflow/pipelines/issues/1370",
    "no_endpoint_to_invoke": "https://github.com/aws/amazon-sagemaker-examples/issues/559",
    "PAYLOAD": "https://github.com/aws/sagemaker-spark/issues/102",
}
UNCONFIRMED = (
    "has_failed",
    "no_output",
    "other_algorithm",
    "other_channel",
    "pass_role",
    "download_denied",
    "upload_denied",
    "hyperparameters",
)
"""Texts that the harness words itself: functions of this module, and reasons in training.py and kmeans.py."""

NO_MODEL_DATA = (
    'Failed to download model data for container "container_1" from URL: "{url}". Please ensure that there is an '
    "object located at the URL and that the role passed to CreateModel has permissions to download the object."
)
NO_HEALTH = (
    "The primary container for production variant {variant} did not pass the ping health check. Please check "
    "CloudWatch logs for this endpoint."
)
PAYLOAD = "unable to evaluate payload provided"


def exists(kind: str, arn: str) -> ServiceException:
    """Error for a taken name. `kind`: model, endpoint configuration or endpoint.

    The provider's operator updates an existing endpoint if an error starts with this text.
    """
    return ValidationError(f'Cannot create already existing {kind} "{arn}".')


def not_found(kind: str, arn: str) -> ServiceException:
    return ValidationError(f'Could not find {kind} "{arn}".')


def in_progress(arn: str) -> ServiceException:
    return ValidationError(f'Cannot update in-progress endpoint "{arn}".')


def has_failed(arn: str) -> ServiceException:
    """Error for updating a failed endpoint, which can only be deleted (botocore's model)."""
    return ValidationError(f'Cannot update failed endpoint "{arn}".')


def job_exists(arn: str) -> ServiceException:
    return ResourceInUseException(
        "Training job names must be unique within an AWS account and region, and a training job with this name already "
        f"exists ({arn})"
    )


def no_job() -> ServiceException:
    return ValidationError("Requested resource not found.")


def job_has_ended(status: str) -> ServiceException:
    return ValidationError(f"The request was rejected because the training job is in status {status}.")


def no_input(url: str, region: str, role: str, bucket: str) -> ServiceException:
    return ValidationError(
        f'No S3 objects found under S3 URL "{url}" given in input data source. Please ensure that the bucket exists in '
        f'the selected region ({region}), that objects exist under that S3 prefix, and that the role "{role}" has '
        f'"s3:ListBucket" permissions on bucket "{bucket}".'
    )


def no_output(bucket: str, region: str) -> ServiceException:
    return ValidationError(f'The bucket "{bucket}" given in OutputDataConfig does not exist in region {region}.')


def could_not_assume_role(role: str) -> ServiceException:
    return ValidationError(
        f"Could not assume role {role}. Please ensure that the role exists and allows principal "
        "'sagemaker.amazonaws.com' to assume the role."
    )


def enum(value: str, member: str, allowed: list[str]) -> ServiceException:
    return constraint(value, member, f"Member must satisfy enum value set: [{', '.join(allowed)}]")


def constraint(value: str, member: str, rule: str) -> ServiceException:
    return ValidationError(
        f"1 validation error detected: Value '{value}' at '{member}' failed to satisfy constraint: {rule}"
    )


def pattern(value: str, member: str, rule: str) -> ServiceException:
    return constraint(value, member, f"Member must satisfy regular expression pattern: ^{rule}")


def other_region(image: str, region: str) -> ServiceException:
    """Error of CreateModel for an image of another region."""
    return ValidationError(
        f'Region of "{image}" does not match expected region of {region}. Cross region ECR image pulls are not allowed.'
    )


def other_region_to_train(image: str, region: str) -> ServiceException:
    """Error of CreateTrainingJob for an image of another region with one of AWS's algorithms."""
    image_region, suffix = image.partition("/")[0].split(".", 4)[3:]
    return ValidationError(
        f"Invalid DNS suffix '{suffix}' for region '{image_region}' in training image. Please provide the valid "
        f"<region>.<dns-suffix>: '{region}.amazonaws.com'"
    )


def other_algorithm(image: str) -> ServiceException:
    """Error for an image that the mock can't run. AWS has no such error."""
    return ValidationError(f"Image '{image}': the AWS mock trains only k-means. Use SageMaker's kmeans image.")


def other_channel(name: str) -> ServiceException:
    """Error for an input that the mock can't read. AWS has no such error."""
    return ValidationError(f"Channel '{name}': the AWS mock reads only uncompressed objects under an S3Prefix.")
