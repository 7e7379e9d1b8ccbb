"""The permissions that calls need when IAM is enforced, tested through boto3."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any, ClassVar

import pytest
from botocore.exceptions import ClientError

from tests.aws_mock.mock_process import (
    ACCOUNT,
    REGION,
    Caller,
    allow,
    create_user,
    deny,
    enforce,
    format_policy,
    reset,
    running_mock,
    trust,
)

IMAGE = "438346466558.dkr.ecr.eu-west-1.amazonaws.com/kmeans:1"
ROLE = f"arn:aws:iam::{ACCOUNT}:role/worker"
BUCKET = "digits"
SAGEMAKER = f"arn:aws:sagemaker:{REGION}:{ACCOUNT}"
LOGS = f"arn:aws:logs:{REGION}:{ACCOUNT}:log-group:/aws/sagemaker/TrainingJobs"
PASS = allow("iam:PassRole", ROLE, Condition={"StringEquals": {"iam:PassedToService": "sagemaker.amazonaws.com"}})

VARIANTS = [{"ModelName": "other", "VariantName": "a", "InitialInstanceCount": 1, "InstanceType": "ml.t2.medium"}]
MODEL = {"ModelName": "Digits", "PrimaryContainer": {"Image": IMAGE}, "ExecutionRoleArn": ROLE}
JOB = {
    "TrainingJobName": "Digits",
    "AlgorithmSpecification": {"TrainingImage": IMAGE, "TrainingInputMode": "File"},
    "OutputDataConfig": {"S3OutputPath": f"s3://{BUCKET}/out"},
    "ResourceConfig": {"InstanceType": "ml.c4.xlarge", "InstanceCount": 1, "VolumeSizeInGB": 10},
    "RoleArn": ROLE,
    "StoppingCondition": {"MaxRuntimeInSeconds": 60},
}
STREAM = {"logGroupName": "/aws/sagemaker/TrainingJobs", "logStreamName": "digits/algo-1"}

CALLS: list[tuple[str, str, dict[str, Any], tuple[str, ...]]] = [
    ("sagemaker", "CreateTrainingJob", JOB, (f"{SAGEMAKER}:training-job/digits",)),
    ("sagemaker", "DescribeTrainingJob", {"TrainingJobName": "Digits"}, (f"{SAGEMAKER}:training-job/digits",)),
    ("sagemaker", "StopTrainingJob", {"TrainingJobName": "digits"}, (f"{SAGEMAKER}:training-job/digits",)),
    ("sagemaker", "CreateModel", MODEL, (f"{SAGEMAKER}:model/digits",)),
    ("sagemaker", "DescribeModel", {"ModelName": "digits"}, (f"{SAGEMAKER}:model/digits",)),
    ("sagemaker", "DeleteModel", {"ModelName": "digits"}, (f"{SAGEMAKER}:model/digits",)),
    (
        "sagemaker",
        "CreateEndpointConfig",
        {"EndpointConfigName": "digits", "ProductionVariants": VARIANTS},
        (f"{SAGEMAKER}:endpoint-config/digits",),
    ),
    ("sagemaker", "DescribeEndpointConfig", {"EndpointConfigName": "d"}, (f"{SAGEMAKER}:endpoint-config/d",)),
    ("sagemaker", "DeleteEndpointConfig", {"EndpointConfigName": "d"}, (f"{SAGEMAKER}:endpoint-config/d",)),
    (
        "sagemaker",
        "CreateEndpoint",
        {"EndpointName": "Digits", "EndpointConfigName": "config"},
        (f"{SAGEMAKER}:endpoint/digits", f"{SAGEMAKER}:endpoint-config/config"),
    ),
    (
        "sagemaker",
        "UpdateEndpoint",
        {"EndpointName": "digits", "EndpointConfigName": "config"},
        (f"{SAGEMAKER}:endpoint/digits", f"{SAGEMAKER}:endpoint-config/config"),
    ),
    ("sagemaker", "DescribeEndpoint", {"EndpointName": "digits"}, (f"{SAGEMAKER}:endpoint/digits",)),
    ("sagemaker", "DeleteEndpoint", {"EndpointName": "digits"}, (f"{SAGEMAKER}:endpoint/digits",)),
    ("sagemaker", "ListTrainingJobs", {}, ("*",)),
    ("sagemaker", "ListModels", {"NameContains": "d"}, ("*",)),
    (
        "sagemaker-runtime",
        "InvokeEndpoint",
        {"EndpointName": "Digits", "Body": b"1"},
        (f"{SAGEMAKER}:endpoint/digits",),
    ),
    ("logs", "DescribeLogStreams", {"logGroupName": STREAM["logGroupName"]}, (f"{LOGS}:log-stream:",)),
    ("logs", "GetLogEvents", STREAM, (f"{LOGS}:log-stream:digits/algo-1",)),
]
"""Client, action, parameters and the required ARNs, from the Service Authorization Reference.

https://docs.aws.amazon.com/service-authorization/latest/reference/list_amazonsagemaker.html and
list_amazoncloudwatchlogs.html. SageMaker's ARNs have names in lower case, and an update also needs the endpoint's
configuration: github.com/philschmid/cdk-samples/issues/2, github.com/aws/aws-cdk/issues/11594.
"""

Call = tuple[str, str, dict[str, Any], tuple[str, ...]]


@pytest.fixture(scope="module")
def running(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    with running_mock(tmp_path_factory.mktemp("mock")) as url:
        yield url


@pytest.fixture
def url(running: str) -> str:
    """An AWS mock with only a bucket and a role that SageMaker may assume."""
    reset(running)
    anybody = Caller(running)
    anybody.client("s3").create_bucket(Bucket=BUCKET, CreateBucketConfiguration={"LocationConstraint": REGION})
    anybody.client("iam").create_role(RoleName="worker", AssumeRolePolicyDocument=trust("sagemaker.amazonaws.com"))
    return running


def invoke(caller: Caller, service: str, action: str, parameters: dict[str, Any]) -> None:
    client = caller.client(service)
    (method,) = (name for name, known in client.meta.method_to_api_mapping.items() if known == action)
    getattr(client, method)(**parameters)


def catch_error(call: Callable[[], Any]) -> tuple[str, str]:
    """Return code and message of the error that a call raises."""
    with pytest.raises(ClientError) as error:
        call()
    return error.value.response["Error"]["Code"], error.value.response["Error"]["Message"]


def is_denied(call: Callable[[], Any]) -> bool:
    """Return whether permissions are missing; other client errors don't count."""
    try:
        call()
    except ClientError as error:
        if error.response["ResponseMetadata"]["HTTPStatusCode"] >= 500:
            raise
        return error.response["Error"]["Code"] in ("AccessDenied", "AccessDeniedException", "403")
    return False


@pytest.mark.parametrize("call", CALLS, ids=[call[1] for call in CALLS])
def test_a_call_needs_its_action_on_each_resource(url: str, call: Call) -> None:
    service, action, parameters, resources = call
    right = f"{'logs' if service == 'logs' else 'sagemaker'}:{action}"
    callers = {
        missing: create_user(
            url, PASS, allow(right, "arn:aws:s3:::none", *set(resources) - {missing}), name=str(number)
        )
        for number, missing in enumerate(resources)
    }
    full = create_user(url, PASS, allow(right, *resources), name="full")
    enforce(url)

    assert not is_denied(lambda: invoke(full, service, action, parameters))
    for number, (missing, caller) in enumerate(callers.items()):
        code, message = catch_error(lambda caller=caller: invoke(caller, service, action, parameters))  # type: ignore[misc]
        assert code == "AccessDeniedException"
        assert message == (
            f"User: arn:aws:iam::{ACCOUNT}:user/{number} is not authorized to perform: {right} on resource: {missing} "
            f"because no identity-based policy allows the {right} action"
        )


def test_sagemaker_denies_with_status_400(url: str) -> None:
    caller = create_user(url)
    enforce(url)
    with pytest.raises(ClientError) as error:
        caller.client("sagemaker").list_models()
    assert error.value.response["ResponseMetadata"]["HTTPStatusCode"] == 400


def test_an_explicit_deny_wins_and_is_named(url: str) -> None:
    caller = create_user(url, allow("sagemaker:*", "*"), deny("sagemaker:Describe*", f"{SAGEMAKER}:model/secret"))
    enforce(url)
    code, message = catch_error(lambda: caller.client("sagemaker").describe_model(ModelName="secret"))
    assert code == "AccessDeniedException"
    assert message.endswith(
        f"is not authorized to perform: sagemaker:DescribeModel on resource: {SAGEMAKER}:model/secret "
        "with an explicit deny in an identity-based policy"
    )
    assert not is_denied(lambda: caller.client("sagemaker").describe_model(ModelName="other"))


def test_groups_and_managed_policies_grant_permissions(url: str) -> None:
    iam = Caller(url).client("iam")
    grouped, attached = create_user(url, name="grouped"), create_user(url, name="attached")
    rights = format_policy(allow("sagemaker:ListModels", "*"))
    iam.create_group(GroupName="group")
    iam.put_group_policy(GroupName="group", PolicyName="rights", PolicyDocument=rights)
    iam.add_user_to_group(GroupName="group", UserName="grouped")
    arn = iam.create_policy(PolicyName="rights", PolicyDocument=rights)["Policy"]["Arn"]
    iam.attach_user_policy(UserName="attached", PolicyArn=arn)
    enforce(url)
    for caller in (grouped, attached):
        caller.client("sagemaker").list_models()
        assert is_denied(lambda caller=caller: caller.client("sagemaker").list_endpoints())  # type: ignore[misc]


class TestPassingARole:
    @pytest.mark.parametrize(
        "rights",
        [
            [],
            [allow("iam:PassRole", f"{ROLE}2")],
            [allow("iam:GetRole", ROLE)],
            [allow("iam:PassRole", ROLE, Condition={"StringEquals": {"iam:PassedToService": "ec2.amazonaws.com"}})],
            [allow("iam:PassRole", ROLE, Condition={"DateGreaterThan": {"aws:CurrentTime": "2020-01-01T00:00:00Z"}})],
        ],
        ids=["none", "another role", "another action", "another service", "an unknown condition operator"],
    )
    @pytest.mark.parametrize(("action", "parameters"), [("CreateTrainingJob", JOB), ("CreateModel", MODEL)])
    def test_a_missing_permission_is_an_error(
        self, url: str, rights: list[Any], action: str, parameters: dict[str, Any]
    ) -> None:
        caller = create_user(url, allow("sagemaker:*", "*"), *rights)
        enforce(url)
        code, message = catch_error(lambda: invoke(caller, "sagemaker", action, parameters))
        assert code == "AccessDeniedException"
        assert message == (
            f"User: arn:aws:iam::{ACCOUNT}:user/user is not authorized to perform: iam:PassRole "
            f"on resource: {ROLE} because no identity-based policy allows the iam:PassRole action"
        )
        assert caller.client("sagemaker").list_models()["Models"] == []

    def test_the_permission_suffices(self, url: str) -> None:
        caller = create_user(url, allow("sagemaker:*", "*"), PASS)
        enforce(url)
        invoke(caller, "sagemaker", "CreateModel", MODEL)

    def test_an_explicit_deny_is_named(self, url: str) -> None:
        caller = create_user(url, allow("*", "*"), deny("iam:PassRole", ROLE))
        enforce(url)
        _, message = catch_error(lambda: invoke(caller, "sagemaker", "CreateModel", MODEL))
        assert message.endswith(f"iam:PassRole on resource: {ROLE} with an explicit deny in an identity-based policy")

    def test_a_model_without_a_role_needs_no_permission(self, url: str) -> None:
        caller = create_user(url, allow("sagemaker:*", "*"))
        enforce(url)
        without = {key: value for key, value in MODEL.items() if key != "ExecutionRoleArn"}
        assert not is_denied(lambda: invoke(caller, "sagemaker", "CreateModel", without))


class TestTrust:
    """The mock checks trust whether IAM is enforced or not."""

    @pytest.mark.parametrize(("action", "parameters"), [("CreateTrainingJob", JOB), ("CreateModel", MODEL)])
    @pytest.mark.parametrize("trusted", [None, "ec2.amazonaws.com"], ids=["no role", "another service"])
    def test_a_role_that_sagemaker_can_not_assume_is_an_error(
        self, url: str, action: str, parameters: dict[str, Any], trusted: str | None
    ) -> None:
        iam = Caller(url).client("iam")
        iam.delete_role(RoleName="worker")
        if trusted:
            iam.create_role(RoleName="worker", AssumeRolePolicyDocument=trust(trusted))
        code, message = catch_error(lambda: invoke(Caller(url), "sagemaker", action, parameters))
        assert code == "ValidationException"
        assert message == (
            f"Could not assume role {ROLE}. Please ensure that the role exists and allows principal "
            "'sagemaker.amazonaws.com' to assume the role."
        )


class TestS3:
    SOURCE = f"arn:aws:s3:::{BUCKET}/a b/ä+1%41"
    TARGET = f"arn:aws:s3:::{BUCKET}/copy"

    def copy(self, caller: Caller, **more: str) -> None:
        source = {"Bucket": BUCKET, "Key": "a b/ä+1%41"}
        caller.client("s3").copy_object(Bucket=BUCKET, Key="copy", CopySource=source, **more)

    @pytest.fixture
    def stored(self, url: str) -> None:
        Caller(url).client("s3").put_object(Bucket=BUCKET, Key="a b/ä+1%41", Body=b"")

    @pytest.mark.usefixtures("stored")
    def test_a_copy_needs_get_object_on_its_source(self, url: str) -> None:
        """https://docs.aws.amazon.com/AmazonS3/latest/API/API_CopyObject.html."""
        writer = create_user(url, allow("s3:PutObject", self.TARGET), name="writer")
        reader = create_user(url, allow("s3:GetObject", self.SOURCE), name="reader")
        both = create_user(url, allow("s3:PutObject", self.TARGET), allow("s3:GetObject", self.SOURCE), name="both")
        enforce(url)
        assert is_denied(lambda: self.copy(writer))
        assert is_denied(lambda: self.copy(reader))
        self.copy(both)

    @pytest.mark.usefixtures("stored")
    def test_an_acl_needs_put_object_acl(self, url: str) -> None:
        """Sources: API_PutObject.html of AWS, and github.com/gorilla-co/s3pypi/issues/77."""
        rights = [allow("s3:PutObject", self.TARGET), allow("s3:GetObject", self.SOURCE)]
        without = create_user(url, *rights, name="without")
        having = create_user(url, *rights, allow("s3:PutObjectAcl", self.TARGET), name="with")
        enforce(url)
        assert is_denied(lambda: self.copy(without, ACL="private"))
        self.copy(having, ACL="private")

    @pytest.mark.parametrize("method", ["head_bucket", "list_objects", "list_objects_v2"])
    def test_reading_a_bucket_needs_list_bucket(self, url: str, method: str) -> None:
        listing = create_user(url, allow("s3:ListBucket", f"arn:aws:s3:::{BUCKET}"), name="listing")
        other = create_user(url, allow("s3:*", f"arn:aws:s3:::{BUCKET}/*", "arn:aws:s3:::other"), name="other")
        enforce(url)
        getattr(listing.client("s3"), method)(Bucket=BUCKET)
        assert is_denied(lambda: getattr(other.client("s3"), method)(Bucket=BUCKET))

    @pytest.mark.usefixtures("stored")
    @pytest.mark.parametrize("method", ["head_object", "get_object"])
    def test_reading_an_object_needs_get_object(self, url: str, method: str) -> None:
        reader = create_user(url, allow("s3:GetObject", self.SOURCE), name="reader")
        other = create_user(url, allow("s3:GetObject", f"arn:aws:s3:::{BUCKET}/a b/"), name="other")
        enforce(url)
        getattr(reader.client("s3"), method)(Bucket=BUCKET, Key="a b/ä+1%41")
        assert is_denied(lambda: getattr(other.client("s3"), method)(Bucket=BUCKET, Key="a b/ä+1%41"))

    def test_a_multipart_upload_needs_put_object(self, url: str) -> None:
        writer = create_user(url, allow("s3:PutObject", self.TARGET))
        enforce(url)
        s3 = writer.client("s3")
        part: dict[str, Any] = {"Bucket": BUCKET, "Key": "copy"}
        part["UploadId"] = s3.create_multipart_upload(**part)["UploadId"]
        tag = s3.upload_part(**part, PartNumber=1, Body=b"1")["ETag"]
        s3.complete_multipart_upload(**part, MultipartUpload={"Parts": [{"PartNumber": 1, "ETag": tag}]})
        assert is_denied(lambda: s3.create_multipart_upload(Bucket=BUCKET, Key="other"))

    @pytest.mark.usefixtures("stored")
    def test_deleting_objects_needs_the_permission_on_each(self, url: str) -> None:
        """Source: https://docs.aws.amazon.com/AmazonS3/latest/API/API_DeleteObjects.html."""
        Caller(url).client("s3").put_object(Bucket=BUCKET, Key="b&<c>", Body=b"")
        deleting = create_user(url, allow("s3:DeleteObject", f"arn:aws:s3:::{BUCKET}/b&<c>"))
        enforce(url)
        s3 = deleting.client("s3")
        assert "Errors" not in s3.delete_objects(Bucket=BUCKET, Delete={"Objects": [{"Key": "b&<c>"}]})
        (error,) = s3.delete_objects(Bucket=BUCKET, Delete={"Objects": [{"Key": "a b/ä+1%41"}]})["Errors"]
        assert error["Code"] == "AccessDenied"
        assert is_denied(lambda: s3.delete_object(Bucket=BUCKET, Key="a b/ä+1%41"))


def test_other_services_deny_in_a_form_that_boto3_parses(url: str) -> None:
    caller = create_user(url)
    enforce(url)
    code, message = catch_error(lambda: caller.client("iam").get_role(RoleName="worker"))
    assert code == "AccessDenied"
    assert "user/user is not authorized to perform: iam:GetRole" in message


def test_get_caller_identity_needs_no_permission(url: str) -> None:
    caller = create_user(url, deny("sts:*", "*"))
    enforce(url)
    assert caller.client("sts").get_caller_identity()["Arn"] == f"arn:aws:iam::{ACCOUNT}:user/user"


def test_unknown_credentials_are_an_error(url: str) -> None:
    known = create_user(url, allow("*", "*"))
    enforce(url)
    for caller in (Caller(url), Caller(url, known.access_key, "not the secret")):
        with pytest.raises(ClientError):
            caller.client("sagemaker").list_models()
    known.client("sagemaker").list_models()


def test_calls_need_no_permission_before_enforcement_and_after_a_reset(url: str) -> None:
    Caller(url).client("sagemaker").list_models()
    caller = create_user(url)
    enforce(url)
    assert is_denied(lambda: caller.client("sagemaker").list_models())
    reset(url)
    Caller(url).client("sagemaker").list_models()


def test_a_changed_policy_takes_effect_at_once(url: str) -> None:
    caller = create_user(url, allow(["sagemaker:ListModels", "iam:DeleteUserPolicy"], "*"))
    enforce(url)
    caller.client("sagemaker").list_models()
    caller.client("iam").delete_user_policy(UserName="user", PolicyName="rights")
    assert is_denied(lambda: caller.client("sagemaker").list_models())


class TestPermissionsOfARole:
    """A job has the permissions of its role; test_least_privilege.py tests each step's."""

    DATA: ClassVar = {"DataSource": {"S3DataSource": {"S3DataType": "S3Prefix", "S3Uri": f"s3://{BUCKET}/data"}}}
    LISTING = format_policy(allow("s3:ListBucket", f"arn:aws:s3:::{BUCKET}"))

    @pytest.fixture
    def caller(self, url: str) -> Caller:
        Caller(url).client("s3").put_object(Bucket=BUCKET, Key="data", Body=b"1,2\n")
        return create_user(url, allow("*", "*"))

    def start(self, caller: Caller) -> None:
        enforce(caller.url)
        job = {**JOB, "InputDataConfig": [{"ChannelName": "train", **self.DATA}], "HyperParameters": {"k": "1"}}
        invoke(caller, "sagemaker", "CreateTrainingJob", job)

    def get_reason(self, caller: Caller) -> str:
        described = caller.client("sagemaker").describe_training_job(TrainingJobName=JOB["TrainingJobName"])
        assert described["TrainingJobStatus"] == "Failed"
        return str(described["FailureReason"])

    def test_the_role_must_list_the_bucket(self, caller: Caller) -> None:
        code, message = catch_error(lambda: self.start(caller))
        assert code == "ValidationException"
        assert f'the role "{ROLE}" has "s3:ListBucket" permissions on bucket "{BUCKET}"' in message

    @pytest.mark.parametrize("managed", [False, True], ids=["inline", "managed"])
    def test_the_role_must_read_the_data(self, caller: Caller, managed: bool) -> None:
        iam = Caller(caller.url).client("iam")
        if managed:
            policy = iam.create_policy(PolicyName="listing", PolicyDocument=self.LISTING)
            iam.attach_role_policy(RoleName="worker", PolicyArn=policy["Policy"]["Arn"])
        else:
            iam.put_role_policy(RoleName="worker", PolicyName="listing", PolicyDocument=self.LISTING)
        self.start(caller)
        assert f"s3:GetObject on arn:aws:s3:::{BUCKET}/data" in self.get_reason(caller)
