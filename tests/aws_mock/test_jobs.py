"""Training jobs, tested through boto3: AWS's errors and AWS's states."""

from __future__ import annotations

import json
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from types import SimpleNamespace
from typing import Any, cast

import pytest
import requests
from botocore.exceptions import ClientError
from moto.sagemaker.models import FakeTrainingJob

from harness.aws_mock import configuration
from harness.aws_mock.training import Training
from tests.aws_mock.mock_process import Caller, reset, running_mock
from tests.aws_mock.wire import recordio

IMAGE = "438346466558.dkr.ecr.eu-west-1.amazonaws.com/kmeans:1"
ROLE = "arn:aws:iam::123456789012:role/worker"
GROUP = "/aws/sagemaker/TrainingJobs"
DATA = recordio([[0, 0], [0, 1], [9, 9], [9, 8]])
ENDED = [{"Status": status} for status in ("Starting", "Downloading", "Training", "Uploading", "Completed")]


@pytest.fixture(scope="module")
def url(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    with running_mock(tmp_path_factory.mktemp("mock")) as url:
        # A process's first training loads scikit-learn. Under load that takes longer than one description waits.
        caller = create_account(url)
        create(caller)
        while describe(caller)["TrainingJobStatus"] == "InProgress":
            pass
        yield url


@pytest.fixture
def aws(url: str) -> Caller:
    return create_account(url)


def create_account(url: str) -> Caller:
    """Create an account with a bucket, training data and a role that SageMaker may assume."""
    reset(url)
    caller = Caller(url)
    caller.client("s3").create_bucket(Bucket="bucket", CreateBucketConfiguration={"LocationConstraint": "eu-west-1"})
    caller.client("s3").put_object(Bucket="bucket", Key="data/part-1", Body=DATA[: len(DATA) // 2])
    caller.client("s3").put_object(Bucket="bucket", Key="data/part-2", Body=DATA[len(DATA) // 2 :])
    trust(caller, "sagemaker.amazonaws.com")
    return caller


def trust(caller: Caller, service: str) -> None:
    document = {
        "Version": "2012-10-17",
        "Statement": [{"Effect": "Allow", "Principal": {"Service": service}, "Action": "sts:AssumeRole"}],
    }
    caller.client("iam").create_role(RoleName=ROLE.rpartition("/")[2], AssumeRolePolicyDocument=json.dumps(document))


def create(caller: Caller, name: str = "job", **changed: Any) -> None:
    parameters: dict[str, Any] = {
        "AlgorithmSpecification": {"TrainingImage": IMAGE, "TrainingInputMode": "File"},
        "HyperParameters": {"k": "2", "feature_dim": "2"},
        "InputDataConfig": [channel("s3://bucket/data")],
        "OutputDataConfig": {"S3OutputPath": "s3://bucket/out"},
        "ResourceConfig": {"InstanceType": "ml.c4.xlarge", "InstanceCount": 1, "VolumeSizeInGB": 10},
        "RoleArn": ROLE,
        "StoppingCondition": {"MaxRuntimeInSeconds": 60},
    }
    caller.client("sagemaker").create_training_job(TrainingJobName=name, **{**parameters, **changed})


def channel(url: str) -> dict[str, Any]:
    source = {"S3DataType": "S3Prefix", "S3Uri": url, "S3DataDistributionType": "FullyReplicated"}
    return {"ChannelName": "train", "DataSource": {"S3DataSource": source}}


def manifest(url: str) -> dict[str, Any]:
    source = {"S3DataType": "ManifestFile", "S3Uri": url}
    return {"ChannelName": "train", "DataSource": {"S3DataSource": source}}


FILES = {
    "FileSystemId": "fs-01234567",
    "FileSystemAccessMode": "ro",
    "FileSystemType": "EFS",
    "DirectoryPath": "/data",
}


def describe(caller: Caller, name: str = "job") -> dict[str, Any]:
    return dict(caller.client("sagemaker").describe_training_job(TrainingJobName=name))


def configure(caller: Caller, **training: Any) -> None:
    requests.post(f"{caller.url}/mock/configuration", json={"training": training}, timeout=10).raise_for_status()


def list_keys(caller: Caller) -> list[str]:
    return [entry["Key"] for entry in caller.client("s3").list_objects_v2(Bucket="bucket")["Contents"]]


def create_and_catch(caller: Caller, name: str = "job", **changed: Any) -> dict[str, str]:
    """Return the error of CreateTrainingJob."""
    with pytest.raises(ClientError) as error:
        create(caller, name, **changed)
    return dict(error.value.response["Error"])


def test_a_job_trains_from_all_objects_under_its_prefix(aws: Caller) -> None:
    create(aws)

    job = describe(aws)

    assert job["TrainingJobStatus"] == job["SecondaryStatus"] == "Completed"
    assert [{"Status": move["Status"]} for move in job["SecondaryStatusTransitions"]] == ENDED
    assert all(move["StartTime"] <= move["EndTime"] for move in job["SecondaryStatusTransitions"])
    assert job["CreationTime"] <= job["TrainingStartTime"] <= job["TrainingEndTime"]
    assert job["ModelArtifacts"] == {"S3ModelArtifacts": "s3://bucket/out/job/output/model.tar.gz"}
    assert "out/job/output/model.tar.gz" in list_keys(aws)
    (metric,) = job["FinalMetricDataList"]
    assert (metric["MetricName"], round(metric["Value"], 5)) == ("train:msd", 0.25)
    logs = aws.client("logs")
    (stream,) = logs.describe_log_streams(logGroupName=GROUP, logStreamNamePrefix="job/")["logStreams"]
    events = logs.get_log_events(logGroupName=GROUP, logStreamName=stream["logStreamName"])["events"]
    assert "4 records of 2 features" in events[0]["message"]


def test_another_region_has_its_own_jobs(aws: Caller) -> None:
    other = Caller(aws.url, region="eu-central-1")
    there = IMAGE.replace("eu-west-1", "eu-central-1")
    create(other, AlgorithmSpecification={"TrainingImage": there, "TrainingInputMode": "File"})

    assert describe(other)["TrainingJobArn"].split(":")[3] == "eu-central-1"
    assert aws.client("sagemaker").list_training_jobs()["TrainingJobSummaries"] == []
    state = requests.get(f"{aws.url}/mock/state", timeout=10).json()
    assert list(state["sagemaker"]["training_jobs"]) == ["job"]
    assert [stream.split("/")[0] for stream in state["logs"][GROUP]] == ["job"]


def test_objects_deleted_from_a_versioned_bucket_are_not_input(aws: Caller) -> None:
    s3 = aws.client("s3")
    s3.put_bucket_versioning(Bucket="bucket", VersioningConfiguration={"Status": "Enabled"})
    s3.put_object(Bucket="bucket", Key="data/part-3", Body=b"no RecordIO")
    s3.delete_object(Bucket="bucket", Key="data/part-3")
    create(aws)
    assert describe(aws)["TrainingJobStatus"] == "Completed"
    for part in ("data/part-1", "data/part-2"):
        s3.delete_object(Bucket="bucket", Key=part)
    assert create_and_catch(aws, "later")["Message"].startswith("No S3 objects found under S3 URL")


def test_equal_data_gives_equal_models(aws: Caller) -> None:
    for name in ("one", "two"):
        create(aws, name)
        describe(aws, name)
    s3 = aws.client("s3")
    one, two = (
        s3.get_object(Bucket="bucket", Key=f"out/{name}/output/model.tar.gz")["Body"].read() for name in ("one", "two")
    )
    assert one == two


def test_a_name_can_be_used_once(aws: Caller) -> None:
    create(aws)
    arn = "arn:aws:sagemaker:eu-west-1:123456789012:training-job/job"
    assert create_and_catch(aws) == {
        "Code": "ResourceInUse",
        "Message": "Training job names must be unique within an AWS account and region, and a training job with this "
        f"name already exists ({arn})",
    }


@pytest.mark.parametrize(
    ("changed", "message"),
    [
        (
            {"RoleArn": "arn:aws:iam::123456789012:role/missing"},
            "Could not assume role arn:aws:iam::123456789012:role/missing",
        ),
        ({"InputDataConfig": [channel("s3://bucket/none")]}, 'No S3 objects found under S3 URL "s3://bucket/none"'),
        ({"InputDataConfig": [channel("s3://nowhere/data")]}, 'No S3 objects found under S3 URL "s3://nowhere/data"'),
        ({"OutputDataConfig": {"S3OutputPath": "s3://nowhere/out"}}, 'bucket "nowhere"'),
        (
            {"InputDataConfig": [channel("bucket/data")]},
            "Value 'bucket/data' at 'inputDataConfig.1.member.dataSource.s3DataSource.s3Uri' failed to satisfy",
        ),
        (
            {"OutputDataConfig": {"S3OutputPath": "bucket/out"}},
            "Value 'bucket/out' at 'outputDataConfig.s3OutputPath' failed to satisfy constraint",
        ),
        (
            {"InputDataConfig": [{**channel("s3://bucket/data"), "CompressionType": "Gzip"}]},
            "only uncompressed objects under an S3Prefix",
        ),
        (
            {"InputDataConfig": [{**channel("s3://bucket/data"), "RecordWrapperType": "RecordIO"}]},
            "only uncompressed objects under an S3Prefix",
        ),
        ({"InputDataConfig": [manifest("s3://bucket/data/part-1")]}, "only uncompressed objects under an S3Prefix"),
        ({"InputDataConfig": [{"ChannelName": "train", "DataSource": {"FileSystemDataSource": FILES}}]}, "S3Prefix"),
        (
            {"ResourceConfig": {"InstanceType": "ml.t2.medium", "InstanceCount": 1, "VolumeSizeInGB": 10}},
            "Value 'ml.t2.medium' at 'resourceConfig.instanceType' failed to satisfy constraint",
        ),
        (
            {
                "AlgorithmSpecification": {
                    "TrainingImage": IMAGE.replace("eu-west", "us-east"),
                    "TrainingInputMode": "File",
                }
            },
            "Invalid DNS suffix 'amazonaws.com' for region 'us-east-1' in training image.",
        ),
        (
            {"AlgorithmSpecification": {"TrainingImage": IMAGE.replace("kmeans", "pca"), "TrainingInputMode": "File"}},
            "the AWS mock trains only k-means",
        ),
    ],
    ids=[
        "role",
        "prefix",
        "bucket",
        "output",
        "input's scheme",
        "output's scheme",
        "compression",
        "wrapper",
        "manifest",
        "file system",
        "instance type",
        "region",
        "algorithm",
    ],
)
def test_aws_rejects_invalid_parameters(aws: Caller, changed: dict[str, Any], message: str) -> None:
    error = create_and_catch(aws, **changed)
    assert error["Code"] == "ValidationException"
    assert message.lower() in error["Message"].lower()
    assert aws.client("sagemaker").list_training_jobs()["TrainingJobSummaries"] == []


def test_a_role_that_trusts_another_service(aws: Caller) -> None:
    aws.client("iam").delete_role(RoleName="worker")
    trust(aws, "ec2.amazonaws.com")
    assert "Could not assume role" in create_and_catch(aws)["Message"]


def test_the_default_runtime_limit_is_a_day(aws: Caller) -> None:
    sagemaker = aws.client("sagemaker")
    sagemaker.create_training_job(
        TrainingJobName="job",
        AlgorithmSpecification={"TrainingImage": IMAGE, "TrainingInputMode": "File"},
        HyperParameters={"k": "2", "feature_dim": "2"},
        InputDataConfig=[channel("s3://bucket/data")],
        OutputDataConfig={"S3OutputPath": "s3://bucket/out"},
        ResourceConfig={"InstanceType": "ml.c4.xlarge", "InstanceCount": 1, "VolumeSizeInGB": 10},
        RoleArn=ROLE,
    )
    job = describe(aws)
    assert job["TrainingJobStatus"] == "Completed"
    assert job["StoppingCondition"] == {"MaxRuntimeInSeconds": 86400}


@pytest.mark.parametrize("name", ["a_b", "a.b", "-a", "a" * 64])
def test_aws_rejects_invalid_names(aws: Caller, name: str) -> None:
    assert "at 'trainingJobName' failed to satisfy constraint" in create_and_catch(aws, name=name)["Message"]


@pytest.mark.parametrize(("source", "trusted"), [("123456789012", True), ("210987654321", False)])
def test_a_trust_policy_may_name_the_account(aws: Caller, source: str, trusted: bool) -> None:
    """AWS recommends these conditions against confused deputies."""
    statement = {
        "Effect": "Allow",
        "Principal": {"Service": "sagemaker.amazonaws.com"},
        "Action": "sts:AssumeRole",
        "Condition": {
            "StringEquals": {"aws:SourceAccount": source},
            "ArnLike": {"aws:SourceArn": "arn:aws:sagemaker:*:*:*"},
        },
    }
    document = json.dumps({"Version": "2012-10-17", "Statement": [statement]})
    aws.client("iam").update_assume_role_policy(RoleName="worker", PolicyDocument=document)
    if trusted:
        create(aws)
    else:
        assert "Could not assume role" in create_and_catch(aws)["Message"]


def test_other_channels_fail_the_job(aws: Caller) -> None:
    create(aws, InputDataConfig=[{**channel("s3://bucket/data"), "ChannelName": "validation"}])
    job = describe(aws)
    assert job["TrainingJobStatus"] == "Failed"
    assert job["FailureReason"] == (
        "ClientError: channels validation: the AWS mock's k-means takes only the channel train"
    )


def test_a_failed_job_has_a_log(aws: Caller) -> None:
    configure(aws, fail="AlgorithmError: out of patience")
    create(aws)
    describe(aws)
    logs = aws.client("logs")
    (stream,) = logs.describe_log_streams(logGroupName=GROUP)["logStreams"]
    events = logs.get_log_events(logGroupName=GROUP, logStreamName=stream["logStreamName"])["events"]
    assert [event["message"] for event in events] == ["AlgorithmError: out of patience"]


def test_a_job_that_exceeds_its_limit_in_real_time(aws: Caller) -> None:
    configure(aws, until_stopped=True)
    create(aws, StoppingCondition={"MaxRuntimeInSeconds": 1})
    job = describe(aws)
    assert (job["TrainingJobStatus"], job["SecondaryStatus"]) == ("Stopped", "MaxRuntimeExceeded")


def test_a_reset_ends_a_waiting_poll_without_recording_it(aws: Caller, url: str) -> None:
    configure(aws, until_stopped=True)
    create(aws)
    with ThreadPoolExecutor(max_workers=1) as pool:
        waiting = pool.submit(describe, aws)
        reset(url)
        assert waiting.exception(timeout=10) is None or isinstance(waiting.exception(), ClientError)
    # A description that arrives after the reset fails, and is recorded.
    calls = requests.get(f"{url}/mock/state", timeout=10).json()["calls"]
    assert [call for call in calls if call["status"] == 200] == []


def test_wrong_hyperparameters_fail_the_job_with_the_reason(aws: Caller) -> None:
    create(aws, HyperParameters={"k": "2", "feature_dim": "3"})
    job = describe(aws)
    assert (job["TrainingJobStatus"], job["SecondaryStatus"]) == ("Failed", "Failed")
    assert "feature_dim is 3, but the records of the train channel have 2 features" in job["FailureReason"]
    assert "out/job/output/model.tar.gz" not in list_keys(aws)
    assert "TrainingEndTime" in job


def test_a_job_reports_progress_for_the_configured_polls(aws: Caller) -> None:
    configure(aws, polls=2)
    create(aws)
    statuses = [describe(aws)["TrainingJobStatus"] for _ in range(4)]
    assert statuses == ["InProgress", "InProgress", "Completed", "Completed"]


def test_a_running_job_has_no_artefact_and_no_end_time(aws: Caller) -> None:
    configure(aws, polls=1)
    create(aws)
    job = describe(aws)
    assert job["SecondaryStatus"] == "Training"
    assert "TrainingEndTime" not in job
    assert "ModelArtifacts" not in job or not job["ModelArtifacts"].get("S3ModelArtifacts")
    assert "out/job/output/model.tar.gz" not in list_keys(aws)


def test_a_configured_failure(aws: Caller) -> None:
    configure(aws, fail="AlgorithmError: out of patience")
    create(aws)
    job = describe(aws)
    assert (job["TrainingJobStatus"], job["FailureReason"]) == ("Failed", "AlgorithmError: out of patience")


def test_a_configured_duration_may_exceed_the_limit(aws: Caller) -> None:
    configure(aws, duration=61)
    create(aws)
    job = describe(aws)
    assert (job["TrainingJobStatus"], job["SecondaryStatus"]) == ("Stopped", "MaxRuntimeExceeded")
    assert job["TrainingTimeInSeconds"] == 60
    assert (job["TrainingEndTime"] - job["TrainingStartTime"]).total_seconds() == 60
    assert "out/job/output/model.tar.gz" not in list_keys(aws)


def test_a_configured_duration_is_reported_without_waiting(aws: Caller) -> None:
    configure(aws, duration=59)
    create(aws)
    job = describe(aws)
    assert (job["TrainingJobStatus"], job["TrainingTimeInSeconds"]) == ("Completed", 59)


def test_a_running_job_can_be_stopped(aws: Caller) -> None:
    configure(aws, until_stopped=True)
    create(aws)
    sagemaker = aws.client("sagemaker")
    (listed,) = sagemaker.list_training_jobs()["TrainingJobSummaries"]
    assert listed["TrainingJobStatus"] == "InProgress"
    with ThreadPoolExecutor(max_workers=1) as pool:
        waiting = pool.submit(describe, aws)  # This description waits for the job's end.
        sagemaker.stop_training_job(TrainingJobName="job")
        job = waiting.result()
    assert (job["TrainingJobStatus"], job["SecondaryStatus"]) == ("Stopped", "Stopped")
    assert [move["Status"] for move in job["SecondaryStatusTransitions"]][-2:] == ["Stopping", "Stopped"]
    assert "out/job/output/model.tar.gz" not in list_keys(aws)


@pytest.mark.parametrize("ended", ["Completed", "Failed"])
def test_an_ended_job_can_not_be_stopped(aws: Caller, ended: str) -> None:
    configure(aws, fail="for a reason" if ended == "Failed" else None)
    create(aws)
    describe(aws)
    with pytest.raises(ClientError, match=f"rejected because the training job is in status {ended}"):
        aws.client("sagemaker").stop_training_job(TrainingJobName="job")


@pytest.mark.parametrize("call", ["stop_training_job", "describe_training_job"])
def test_a_missing_job_is_an_error(aws: Caller, call: str) -> None:
    with pytest.raises(ClientError) as error:
        getattr(aws.client("sagemaker"), call)(TrainingJobName="none")
    assert error.value.response["Error"]["Code"] == "ValidationException", (
        "the code that the operator treats as 'not found'"
    )


def test_a_reset_removes_a_running_job(aws: Caller, url: str) -> None:
    configure(aws, until_stopped=True)
    create(aws)
    reset(url)
    state = requests.get(f"{url}/mock/state", timeout=10).json()
    assert state["objects"] == {}
    assert state["sagemaker"]["training_jobs"] == {}
    assert state["logs"] == {}


def test_a_training_that_ends_after_a_reset_writes_nothing() -> None:
    """Uses the class directly: a client can't observe when the thread has ended."""
    limit = {"MaxRuntimeInSeconds": 60}
    job = SimpleNamespace(training_job_status="InProgress", training_job_name="late", stopping_condition=limit)
    late = Training(cast(FakeTrainingJob, job), "eu-west-1", configuration.TrainingBehaviour(), outcome="would fail")
    late.work_done.set()
    configuration.reset()

    late.finish()

    assert job.training_job_status == "InProgress"


@pytest.mark.parametrize(
    "parts",
    [
        {"train": {}},
        [],
        {"training": {"pols": 1}},
        {"training": {"polls": -1}},
        {"training": {"polls": "1"}},
        {"training": {"fail": 5}},
        {"training": {"duration": "long"}},
        {"training": {"until_stopped": "yes"}},
        {"endpoint": {"duration": 1}},
    ],
    ids=str,
)
def test_an_invalid_configuration_is_an_error_of_one_line(aws: Caller, url: str, parts: Any) -> None:
    answer = requests.post(f"{url}/mock/configuration", json=parts, timeout=10)
    assert answer.status_code == 400
    assert len(answer.text.splitlines()) == 1


def test_calls_are_recorded_with_their_errors(aws: Caller, url: str) -> None:
    create_and_catch(aws, RoleArn="arn:aws:iam::123456789012:role/missing")
    call = requests.get(f"{url}/mock/state", timeout=10).json()["calls"][-1]
    assert (call["service"], call["action"], call["status"]) == ("sagemaker", "CreateTrainingJob", 400)
    assert call["parameters"]["TrainingJobName"] == "job"
    assert call["error"]["code"] == "ValidationException"
    assert call["error"]["message"].startswith("Could not assume role")


def test_calls_have_action_and_parameters_in_every_protocol(aws: Caller, url: str) -> None:
    """The recorder names what was called, as far as a request has it: else a changed call would be no difference."""
    aws.client("sns").create_topic(Name="prices", Tags=[{"Key": "team", "Value": ""}])
    with pytest.raises(ClientError):
        aws.client("lambda").put_function_concurrency(FunctionName="none", ReservedConcurrentExecutions=3)
    aws.client("s3").put_object(Bucket="bucket", Key="k", Body=b'{"a": 1}')
    *_, query, rest, s3 = requests.get(f"{url}/mock/state", timeout=10).json()["calls"]
    assert (query["action"], query["status"]) == ("CreateTopic", 200)
    assert query["parameters"] == {
        "Name": "prices",
        "Tags.member.1.Key": "team",
        "Tags.member.1.Value": "",
    }
    assert rest["action"].startswith("PUT /2017-10-31/functions/none/concurrency")
    assert rest["parameters"] == {"ReservedConcurrentExecutions": 3}
    assert (s3["action"], "parameters" in s3) == ("PUT /bucket/k", False)
