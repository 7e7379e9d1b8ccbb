"""The DAG aws_handwritten_digit_classifier: copy, extract, train and deploy."""

from __future__ import annotations

import json
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import pytest
from tenacity import Retrying, retry_if_result, stop_after_delay, wait_fixed

from harness import RunOutcomeError, World
from scenarios.account import ARTEFACT, BUCKET, DATE, ENDPOINT, JOB, LOG_GROUP, ROLE_ARN, Account, create_account
from scenarios.logs import log_has

DAG = "aws_handwritten_digit_classifier"
IMAGE = "438346466558.dkr.ecr.eu-west-1.amazonaws.com/kmeans:latest"
PICKLING = {"AIRFLOW__CORE__ENABLE_XCOM_PICKLING": "True"}
LATER = "2021-03-05"
LATER_JOB = "mnistclassifier-2021-03-05-00-00-00"


def test_a_first_deploy(world: World, aws_account: Account) -> None:
    world.run(DAG, DATE)

    aws = world.evidence.aws
    job = aws.training_jobs[JOB]
    assert job["TrainingJobStatus"] == job["SecondaryStatus"] == "Completed"
    assert job["AlgorithmSpecification"]["TrainingImage"] == IMAGE
    assert job["AlgorithmSpecification"]["TrainingInputMode"] == "File"
    assert job["HyperParameters"] == {"k": "10", "feature_dim": "784"}
    (channel,) = job["InputDataConfig"]
    assert channel["ChannelName"] == "train"
    assert channel["DataSource"]["S3DataSource"] == {
        "S3DataType": "S3Prefix",
        "S3Uri": f"s3://{BUCKET}/mnist_data",
        "S3DataDistributionType": "FullyReplicated",
    }
    assert job["OutputDataConfig"]["S3OutputPath"] == f"s3://{BUCKET}/mnistclassifier-output"
    assert job["ResourceConfig"] == {"InstanceType": "ml.c4.xlarge", "InstanceCount": 1, "VolumeSizeInGB": 10}
    assert job["RoleArn"] == ROLE_ARN
    assert job["StoppingCondition"]["MaxRuntimeInSeconds"] == 86400
    assert job["ModelArtifacts"]["S3ModelArtifacts"] == f"s3://{BUCKET}/{ARTEFACT}"

    model = aws.models[JOB]
    assert model["PrimaryContainer"]["Image"] == IMAGE
    assert model["PrimaryContainer"]["ModelDataUrl"] == f"s3://{BUCKET}/{ARTEFACT}"
    assert model["ExecutionRoleArn"] == ROLE_ARN
    (variant,) = aws.endpoint_configs[JOB]["ProductionVariants"]
    assert (variant["ModelName"], variant["VariantName"]) == (JOB, "AllTraffic")
    assert (variant["InstanceType"], variant["InitialInstanceCount"]) == ("ml.t2.medium", 1)
    assert aws.endpoints[ENDPOINT]["EndpointStatus"] == "InService"
    assert aws.endpoints[ENDPOINT]["EndpointConfigName"] == JOB

    rows = len(aws_account.digits.train.labels)
    assert sorted(aws.objects[BUCKET]) == ["mnist.pkl.gz", "mnist_data", ARTEFACT]
    assert aws.objects[BUCKET]["mnist_data"].size == rows * 3184
    assert aws.objects[BUCKET][ARTEFACT].size > 0
    assert world.keys("data") == [], "MinIO stays empty"

    ((stream, messages),) = aws.logs[LOG_GROUP].items()
    assert stream.startswith(f"{JOB}/algo-1-")
    log = world.runs[-1].log
    assert messages
    assert all(message in log for message in messages), "the operator prints the job's log"


@pytest.mark.fresh_later
def test_a_second_deploy_updates_the_endpoint(world: World, aws_account: Account) -> None:
    world.run(DAG, DATE)
    world.run(DAG, LATER)

    aws = world.evidence.aws
    assert set(aws.models) == {JOB, LATER_JOB}, "the old model is still there"
    assert aws.endpoints[ENDPOINT]["EndpointConfigName"] == LATER_JOB
    assert aws.endpoints[ENDPOINT]["EndpointStatus"] == "InService"
    statuses = {call["action"]: call["status"] for call in aws.calls if "Endpoint" in call["action"]}
    assert statuses["UpdateEndpoint"] == 200


@pytest.mark.fresh_later
def test_an_update_needs_a_new_model_name(world: World, aws_account: Account) -> None:
    """The guide says that Model.ModelName must not exist before an update."""
    world.run(DAG, DATE)

    again = {"DIGITS_DEPLOY_OPERATION": "update", "DIGITS_MODEL_NAME": JOB}
    run = world.run(DAG, LATER, environment=again, expect="failure")

    assert run.failure == "the run failed: sagemaker_deploy_model failed"
    assert run.tasks["sagemaker_train_model"].state == "success"
    model = f"arn:aws:sagemaker:eu-west-1:123456789012:model/{JOB}"
    assert log_has(run.log, f'Cannot create already existing model "{model}"')
    assert world.evidence.aws.endpoints[ENDPOINT]["EndpointConfigName"] == JOB, "the endpoint is unchanged"


@pytest.mark.fresh_later
def test_the_guides_two_model_names_fail_with_a_hint(world: World, aws_account: Account) -> None:
    """The guide's code updates with a configuration for a missing model `mnistclassifier`."""
    shipped = {"DIGITS_VARIANT_MODEL_NAME": "mnistclassifier", "DIGITS_DEPLOY_OPERATION": "update"}

    with pytest.raises(RunOutcomeError) as caught:
        world.run(DAG, DATE, environment=shipped)

    message = str(caught.value)
    assert "the run failed: sagemaker_deploy_model failed" in message
    assert "refers to the model 'mnistclassifier' (EndpointConfig.ProductionVariants[0].ModelName)" in message
    assert f"existing models: '{JOB}' (Model.ModelName)" in message
    assert world.evidence.aws.endpoints == {}


@pytest.mark.fresh_later
def test_xcoms_are_json_with_and_without_pickling(world: World, aws_account: Account) -> None:
    """The guide enables pickling for these XComs.

    Current operators push JSON, so the setting has no effect.
    """
    plain = world.run(DAG, DATE)
    world.stack.reset()
    create_account(world, aws_account.digits)
    switched = world.run(DAG, DATE, environment=PICKLING)

    keys = {("sagemaker_train_model", "return_value"), ("sagemaker_deploy_model", "return_value")}
    assert plain.xcoms.keys() == switched.xcoms.keys() >= keys
    for key in keys:
        # Airflow 3 wraps values that are not JSON; the evidence has a pickle as text (harness/airflow/xcom_values.py).
        assert isinstance(plain.xcoms[key], dict)
        assert "__classname__" not in json.dumps(plain.xcoms[key])
        assert shape(switched.xcoms[key]) == shape(plain.xcoms[key])
    assert plain.xcoms["sagemaker_train_model", "return_value"]["Training"]["TrainingJobName"] == JOB
    assert plain.xcoms["sagemaker_deploy_model", "return_value"]["Endpoint"]["EndpointStatus"] == "InService"


def shape(value: Any) -> Any:
    """Keep names and types only: some values are times and request ids."""
    if isinstance(value, dict):
        return {key: shape(part) for key, part in value.items()}
    return [shape(part) for part in value] if isinstance(value, list) else type(value)


@pytest.mark.one_runner  # The operator adds the time of day to the name of a second job.
def test_a_second_run_of_a_date_deploys_its_own_model(world: World, aws_account: Account) -> None:
    world.run(DAG, DATE)
    world.run(DAG, DATE)

    aws = world.evidence.aws
    (again,) = aws.training_jobs.keys() - {JOB}
    assert again.startswith(f"{JOB}-")
    assert aws.endpoints[ENDPOINT]["EndpointConfigName"] == again
    assert aws.endpoint_configs[again]["ProductionVariants"][0]["ModelName"] == again
    assert aws.models[again]["PrimaryContainer"]["ModelDataUrl"].endswith(f"/{again}/output/model.tar.gz")


@pytest.mark.fresh_later
def test_a_failed_training_fails_the_run(world: World, aws_account: Account) -> None:
    world.aws.configure(training={"fail": "AlgorithmError: out of patience"})

    run = world.run(DAG, DATE, expect="failure")

    assert run.tasks["sagemaker_train_model"].state == "failed"
    assert run.tasks["sagemaker_deploy_model"].state == "upstream_failed"
    assert "AlgorithmError: out of patience" in run.log
    aws = world.evidence.aws
    assert aws.training_jobs[JOB]["TrainingJobStatus"] == "Failed"
    assert aws.training_jobs[JOB]["FailureReason"] == "AlgorithmError: out of patience"
    assert ARTEFACT not in aws.objects[BUCKET]
    assert aws.models == aws.endpoints == {}


@pytest.mark.fresh_later
def test_a_training_beyond_its_limit_fails_the_run(world: World, aws_account: Account) -> None:
    world.aws.configure(training={"duration": 86401})

    run = world.run(DAG, DATE, expect="failure")

    job = world.evidence.aws.training_jobs[JOB]
    assert (job["TrainingJobStatus"], job["SecondaryStatus"]) == ("Stopped", "MaxRuntimeExceeded")
    assert run.tasks["sagemaker_train_model"].state == "failed"
    assert log_has(run.log, f"Error training {JOB}: Stopped")
    assert world.evidence.aws.endpoints == {}


@pytest.mark.fresh_later
def test_a_stopped_training_fails_the_run(world: World, aws_account: Account) -> None:
    world.aws.configure(training={"until_stopped": True})
    with ThreadPoolExecutor(max_workers=1) as pool:
        stopped = pool.submit(stop_once_started, world, JOB)

        run = world.run(DAG, DATE, expect="failure")

        stopped.result()
    job = world.evidence.aws.training_jobs[JOB]
    assert (job["TrainingJobStatus"], job["SecondaryStatus"]) == ("Stopped", "Stopped")
    assert run.tasks["sagemaker_train_model"].state == "failed"
    assert log_has(run.log, f"Error training {JOB}: Stopped")
    assert ARTEFACT not in world.evidence.aws.objects[BUCKET]


def stop_once_started(world: World, job: str) -> None:
    sagemaker = world.aws.client("sagemaker")
    waiting = Retrying(stop=stop_after_delay(120), wait=wait_fixed(0.05), retry=retry_if_result(lambda jobs: not jobs))
    waiting(lambda: sagemaker.list_training_jobs(NameContains=job)["TrainingJobSummaries"])
    sagemaker.stop_training_job(TrainingJobName=job)


@pytest.mark.parametrize("polls", [1])
@pytest.mark.fresh_later
def test_the_operator_polls_an_endpoint_in_creation(world: World, aws_account: Account, polls: int) -> None:
    world.aws.configure(endpoint={"polls": polls})

    world.run(DAG, DATE)

    calls = [call for call in world.evidence.aws.calls if call["action"] == "DescribeEndpoint"]
    assert len(calls) > polls
    assert world.evidence.aws.endpoints[ENDPOINT]["EndpointStatus"] == "InService"
