"""Training jobs as boto3 sees them: refused as AWS refuses, and moving as AWS's do."""

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

from harness.aws_twin import orders
from harness.aws_twin.training import Training
from tests.aws_twin.enforced import Caller, reset, twin
from tests.aws_twin.wire import recordio

IMAGE = "438346466558.dkr.ecr.eu-west-1.amazonaws.com/kmeans:1"
ROLE = "arn:aws:iam::123456789012:role/worker"
GROUP = "/aws/sagemaker/TrainingJobs"
DATA = recordio([[0, 0], [0, 1], [9, 9], [9, 8]])
ENDED = [{"Status": status} for status in ("Starting", "Downloading", "Training", "Uploading", "Completed")]


@pytest.fixture(scope="module")
def url(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    with twin(tmp_path_factory.mktemp("twin")) as url:
        yield url


@pytest.fixture
def aws(url: str) -> Caller:
    """An account with a bucket, training data and a role that SageMaker may assume."""
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
    wanted: dict[str, Any] = {
        "AlgorithmSpecification": {"TrainingImage": IMAGE, "TrainingInputMode": "File"},
        "HyperParameters": {"k": "2", "feature_dim": "2"},
        "InputDataConfig": [channel("s3://bucket/data")],
        "OutputDataConfig": {"S3OutputPath": "s3://bucket/out"},
        "ResourceConfig": {"InstanceType": "ml.c4.xlarge", "InstanceCount": 1, "VolumeSizeInGB": 10},
        "RoleArn": ROLE,
        "StoppingCondition": {"MaxRuntimeInSeconds": 60},
    }
    caller.client("sagemaker").create_training_job(TrainingJobName=name, **{**wanted, **changed})


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


def described(caller: Caller, name: str = "job") -> dict[str, Any]:
    return dict(caller.client("sagemaker").describe_training_job(TrainingJobName=name))


def order(caller: Caller, **training: Any) -> None:
    requests.post(f"{caller.url}/twin/orders", json={"training": training}, timeout=10).raise_for_status()


def keys(caller: Caller) -> list[str]:
    return [entry["Key"] for entry in caller.client("s3").list_objects_v2(Bucket="bucket")["Contents"]]


def refused(caller: Caller, name: str = "job", **changed: Any) -> dict[str, str]:
    with pytest.raises(ClientError) as error:
        create(caller, name, **changed)
    return dict(error.value.response["Error"])


def test_a_job_trains_from_all_objects_under_its_prefix(aws: Caller) -> None:
    create(aws)

    job = described(aws)

    assert job["TrainingJobStatus"] == job["SecondaryStatus"] == "Completed"
    assert [{"Status": move["Status"]} for move in job["SecondaryStatusTransitions"]] == ENDED
    assert all(move["StartTime"] <= move["EndTime"] for move in job["SecondaryStatusTransitions"])
    assert job["CreationTime"] <= job["TrainingStartTime"] <= job["TrainingEndTime"]
    assert job["ModelArtifacts"] == {"S3ModelArtifacts": "s3://bucket/out/job/output/model.tar.gz"}
    assert "out/job/output/model.tar.gz" in keys(aws)
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

    assert described(other)["TrainingJobArn"].split(":")[3] == "eu-central-1"
    assert aws.client("sagemaker").list_training_jobs()["TrainingJobSummaries"] == []
    state = requests.get(f"{aws.url}/twin/state", timeout=10).json()
    assert list(state["sagemaker"]["training_jobs"]) == ["job"]
    assert [stream.split("/")[0] for stream in state["logs"][GROUP]] == ["job"]


def test_what_was_deleted_from_a_bucket_with_versions_is_no_input(aws: Caller) -> None:
    s3 = aws.client("s3")
    s3.put_bucket_versioning(Bucket="bucket", VersioningConfiguration={"Status": "Enabled"})
    s3.put_object(Bucket="bucket", Key="data/part-3", Body=b"no RecordIO")
    s3.delete_object(Bucket="bucket", Key="data/part-3")
    create(aws)
    assert described(aws)["TrainingJobStatus"] == "Completed"
    for part in ("data/part-1", "data/part-2"):
        s3.delete_object(Bucket="bucket", Key=part)
    assert refused(aws, "later")["Message"].startswith("No S3 objects found under S3 URL")


def test_the_same_data_makes_the_same_model(aws: Caller) -> None:
    for name in ("one", "two"):
        create(aws, name)
        described(aws, name)
    s3 = aws.client("s3")
    one, two = (
        s3.get_object(Bucket="bucket", Key=f"out/{name}/output/model.tar.gz")["Body"].read() for name in ("one", "two")
    )
    assert one == two


def test_a_name_can_be_used_once(aws: Caller) -> None:
    create(aws)
    arn = "arn:aws:sagemaker:eu-west-1:123456789012:training-job/job"
    assert refused(aws) == {
        "Code": "ResourceInUse",
        "Message": "Training job names must be unique within an AWS account and region, and a training job with this "
        f"name already exists ({arn})",
    }


@pytest.mark.parametrize(
    ("changed", "told"),
    [
        (
            {"RoleArn": "arn:aws:iam::123456789012:role/nobody"},
            "Could not assume role arn:aws:iam::123456789012:role/nobody",
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
        ({"InputDataConfig": [{**channel("s3://bucket/data"), "CompressionType": "Gzip"}]}, "S3Prefix alone"),
        ({"InputDataConfig": [{**channel("s3://bucket/data"), "RecordWrapperType": "RecordIO"}]}, "S3Prefix alone"),
        ({"InputDataConfig": [manifest("s3://bucket/data/part-1")]}, "S3Prefix alone"),
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
            "the AWS twin trains k-means alone".capitalize().replace("aws", "AWS"),
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
def test_what_aws_refuses(aws: Caller, changed: dict[str, Any], told: str) -> None:
    error = refused(aws, **changed)
    assert error["Code"] == "ValidationException"
    assert told.lower() in error["Message"].lower()
    assert aws.client("sagemaker").list_training_jobs()["TrainingJobSummaries"] == []


def test_a_role_that_trusts_somebody_else(aws: Caller) -> None:
    aws.client("iam").delete_role(RoleName="worker")
    trust(aws, "ec2.amazonaws.com")
    assert "Could not assume role" in refused(aws)["Message"]


def test_without_a_stopping_condition_it_is_a_day(aws: Caller) -> None:
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
    job = described(aws)
    assert job["TrainingJobStatus"] == "Completed"
    assert job["StoppingCondition"] == {"MaxRuntimeInSeconds": 86400}


@pytest.mark.parametrize("name", ["a_b", "a.b", "-a", "a" * 64])
def test_names_that_aws_does_not_take(aws: Caller, name: str) -> None:
    assert "at 'trainingJobName' failed to satisfy constraint" in refused(aws, name=name)["Message"]


@pytest.mark.parametrize(("source", "trusted"), [("123456789012", True), ("210987654321", False)])
def test_a_trust_that_names_the_account(aws: Caller, source: str, trusted: bool) -> None:
    """AWS advises it, against confused deputies."""
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
        assert "Could not assume role" in refused(aws)["Message"]


def test_other_channels_than_train(aws: Caller) -> None:
    create(aws, InputDataConfig=[{**channel("s3://bucket/data"), "ChannelName": "validation"}])
    job = described(aws)
    assert job["TrainingJobStatus"] == "Failed"
    assert job["FailureReason"] == "ClientError: the twin's k-means takes the channel train alone; there is: validation"


def test_a_failed_job_has_a_log_too(aws: Caller) -> None:
    order(aws, fail="AlgorithmError: out of patience")
    create(aws)
    described(aws)
    logs = aws.client("logs")
    (stream,) = logs.describe_log_streams(logGroupName=GROUP)["logStreams"]
    events = logs.get_log_events(logGroupName=GROUP, logStreamName=stream["logStreamName"])["events"]
    assert [event["message"] for event in events] == ["AlgorithmError: out of patience"]


def test_a_job_that_really_takes_too_long(aws: Caller) -> None:
    order(aws, until_stopped=True)
    create(aws, StoppingCondition={"MaxRuntimeInSeconds": 1})
    job = described(aws)
    assert (job["TrainingJobStatus"], job["SecondaryStatus"]) == ("Stopped", "MaxRuntimeExceeded")


def test_a_look_that_waits_is_let_go_by_a_reset_and_not_counted(aws: Caller, url: str) -> None:
    order(aws, until_stopped=True)
    create(aws)
    with ThreadPoolExecutor(max_workers=1) as pool:
        waiting = pool.submit(described, aws)
        reset(url)
        assert waiting.exception(timeout=10) is None or isinstance(waiting.exception(), ClientError)
    # One that came after the reset was refused, and counts.
    calls = requests.get(f"{url}/twin/state", timeout=10).json()["calls"]
    assert [call for call in calls if call["status"] == 200] == []


def test_wrong_hyperparameters_fail_the_job_with_the_reason(aws: Caller) -> None:
    create(aws, HyperParameters={"k": "2", "feature_dim": "3"})
    job = described(aws)
    assert (job["TrainingJobStatus"], job["SecondaryStatus"]) == ("Failed", "Failed")
    assert "feature_dim is 3, but the records of the train channel have 2 features" in job["FailureReason"]
    assert "out/job/output/model.tar.gz" not in keys(aws)
    assert "TrainingEndTime" in job


def test_looks(aws: Caller) -> None:
    order(aws, looks=2)
    create(aws)
    seen = [described(aws)["TrainingJobStatus"] for _ in range(4)]
    assert seen == ["InProgress", "InProgress", "Completed", "Completed"]


def test_nothing_of_a_job_is_there_before_its_end(aws: Caller) -> None:
    order(aws, looks=1)
    create(aws)
    job = described(aws)
    assert job["SecondaryStatus"] == "Training"
    assert "TrainingEndTime" not in job
    assert "ModelArtifacts" not in job or not job["ModelArtifacts"].get("S3ModelArtifacts")
    assert "out/job/output/model.tar.gz" not in keys(aws)


def test_a_failure_to_order(aws: Caller) -> None:
    order(aws, fail="AlgorithmError: out of patience")
    create(aws)
    job = described(aws)
    assert (job["TrainingJobStatus"], job["FailureReason"]) == ("Failed", "AlgorithmError: out of patience")


def test_a_job_that_takes_longer_than_it_may(aws: Caller) -> None:
    order(aws, takes=61)
    create(aws)
    job = described(aws)
    assert (job["TrainingJobStatus"], job["SecondaryStatus"]) == ("Stopped", "MaxRuntimeExceeded")
    assert job["TrainingTimeInSeconds"] == 60
    assert (job["TrainingEndTime"] - job["TrainingStartTime"]).total_seconds() == 60
    assert "out/job/output/model.tar.gz" not in keys(aws)


def test_a_duration_is_said_not_waited_for(aws: Caller) -> None:
    order(aws, takes=59)
    create(aws)
    job = described(aws)
    assert (job["TrainingJobStatus"], job["TrainingTimeInSeconds"]) == ("Completed", 59)


def test_stopping(aws: Caller) -> None:
    order(aws, until_stopped=True)
    create(aws)
    sagemaker = aws.client("sagemaker")
    (listed,) = sagemaker.list_training_jobs()["TrainingJobSummaries"]
    assert listed["TrainingJobStatus"] == "InProgress"
    with ThreadPoolExecutor(max_workers=1) as pool:
        waiting = pool.submit(described, aws)  # a look that waits for the end
        sagemaker.stop_training_job(TrainingJobName="job")
        job = waiting.result()
    assert (job["TrainingJobStatus"], job["SecondaryStatus"]) == ("Stopped", "Stopped")
    assert [move["Status"] for move in job["SecondaryStatusTransitions"]][-2:] == ["Stopping", "Stopped"]
    assert "out/job/output/model.tar.gz" not in keys(aws)


@pytest.mark.parametrize("ended", ["Completed", "Failed"])
def test_what_has_ended_can_not_be_stopped(aws: Caller, ended: str) -> None:
    order(aws, fail="for a reason" if ended == "Failed" else None)
    create(aws)
    described(aws)
    with pytest.raises(ClientError, match=f"rejected because the training job is in status {ended}"):
        aws.client("sagemaker").stop_training_job(TrainingJobName="job")


@pytest.mark.parametrize("call", ["stop_training_job", "describe_training_job"])
def test_a_job_that_does_not_exist(aws: Caller, call: str) -> None:
    with pytest.raises(ClientError) as error:
        getattr(aws.client("sagemaker"), call)(TrainingJobName="none")
    assert error.value.response["Error"]["Code"] == "ValidationException", "what the operator takes for 'not there'"


def test_a_job_of_an_earlier_scenario_leaves_nothing_in_the_next(aws: Caller, url: str) -> None:
    order(aws, until_stopped=True)
    create(aws)
    reset(url)
    state = requests.get(f"{url}/twin/state", timeout=10).json()
    assert state["objects"] == {}
    assert state["sagemaker"]["training_jobs"] == {}
    assert state["logs"] == {}


def test_a_training_that_ends_after_a_reset_is_forgotten() -> None:
    """Seen from inside: nobody outside can tell when its thread has ended."""
    limit = {"MaxRuntimeInSeconds": 60}
    job = SimpleNamespace(training_job_status="InProgress", training_job_name="late", stopping_condition=limit)
    late = Training(cast(FakeTrainingJob, job), "eu-west-1", orders.TrainingOrder(), outcome="would fail")
    late.over.set()
    orders.forget()

    late.conclude()

    assert job.training_job_status == "InProgress"


@pytest.mark.parametrize(
    "wanted",
    [
        {"train": {}},
        [],
        {"training": {"loks": 1}},
        {"training": {"looks": -1}},
        {"training": {"looks": "1"}},
        {"training": {"fail": 5}},
        {"training": {"takes": "long"}},
        {"training": {"until_stopped": "yes"}},
        {"endpoint": {"takes": 1}},
    ],
    ids=str,
)
def test_orders_that_mean_nothing(aws: Caller, url: str, wanted: Any) -> None:
    answer = requests.post(f"{url}/twin/orders", json=wanted, timeout=10)
    assert answer.status_code == 400
    assert len(answer.text.splitlines()) == 1


def test_calls_are_recorded_with_their_answers(aws: Caller, url: str) -> None:
    refused(aws, RoleArn="arn:aws:iam::123456789012:role/nobody")
    call = requests.get(f"{url}/twin/state", timeout=10).json()["calls"][-1]
    assert (call["service"], call["action"], call["status"]) == ("sagemaker", "CreateTrainingJob", 400)
    assert call["parameters"]["TrainingJobName"] == "job"
    assert call["error"]["code"] == "ValidationException"
    assert call["error"]["message"].startswith("Could not assume role")
