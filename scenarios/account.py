"""The AWS account of the digit classifier, and the names of the resources of a run."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from harness import World
from harness.aws_mock.artefact import Centroids, unpack
from scenarios.digits import Digits, pack

DATE = "2021-03-04"
JOB = "mnistclassifier-2021-03-04-00-00-00"
ENDPOINT = "mnistclassifier"
BUCKET = "marin-airflow-book-data"
SOURCE_BUCKET = "sagemaker-sample-data-eu-west-1"
SOURCE_KEY = "algorithms/kmeans/mnist/mnist.pkl.gz"
ARTEFACT = f"mnistclassifier-output/{JOB}/output/model.tar.gz"
ROLE = "airflow-book-sagemaker"
ROLE_ARN = f"arn:aws:iam::123456789012:role/{ROLE}"
LOG_GROUP = "/aws/sagemaker/TrainingJobs"
POLICIES = Path(__file__).parents[1] / "dags" / "digit_classifier" / "policies"


@dataclass(frozen=True)
class Account:
    """The account before a run: `digits` is its sample data."""

    digits: Digits


def create_account(world: World, digits: Digits) -> Account:
    """Create both buckets, the sample data in the first, and the role for SageMaker."""
    s3, iam = world.aws.client("s3"), world.aws.client("iam")
    for bucket in (SOURCE_BUCKET, BUCKET):
        s3.create_bucket(Bucket=bucket, CreateBucketConfiguration={"LocationConstraint": "eu-west-1"})
    s3.put_object(Bucket=SOURCE_BUCKET, Key=SOURCE_KEY, Body=pack(digits))
    trust = (POLICIES / "execution-role-trust.json").read_text()
    permissions = (POLICIES / "execution-role.json").read_text()
    iam.create_role(RoleName=ROLE, AssumeRolePolicyDocument=trust)
    iam.put_role_policy(RoleName=ROLE, PolicyName="execution", PolicyDocument=permissions)
    return Account(digits)


def read_centroids(world: World) -> Centroids:
    """Read the centroids of the artefact that the run of DATE wrote."""
    return unpack(world.aws.client("s3").get_object(Bucket=BUCKET, Key=ARTEFACT)["Body"].read())
