"""The digit classifier's DAG files parse and match the chapter."""

from __future__ import annotations

import importlib
from pathlib import Path
from typing import Any

import pytest

DAGS = Path(__file__).parents[2] / "dags" / "digit_classifier"
TASKS = {
    "RUN_FIRST_setup_env": {
        "delete_resource": {"upload_resource"},
        "upload_resource": set(),
        "conditional_continue_aws_conn": {"add_aws_conn"},
        "add_aws_conn": set(),
    },
    "01_s3_copy_object_fixed": {"create_file_task": {"copy_s3_object"}, "copy_s3_object": set()},
    "minio_handwritten_digit_classifier": {"copy_mnist_data": {"extract_mnist_data"}, "extract_mnist_data": set()},
    "aws_handwritten_digit_classifier": {
        "copy_mnist_data": {"extract_mnist_data"},
        "extract_mnist_data": {"sagemaker_train_model"},
        "sagemaker_train_model": {"sagemaker_deploy_model"},
        "sagemaker_deploy_model": set(),
    },
    "test_dag": {"copy_mnist_data": set()},
}


@pytest.fixture(scope="module")
def dag_bag(airflow: None) -> Any:
    try:
        from airflow.dag_processing.dagbag import DagBag  # Airflow 3
    except ImportError:
        from airflow.models.dagbag import DagBag
    return DagBag(DAGS)


def test_dags_and_tasks(dag_bag: Any) -> None:
    assert dag_bag.import_errors == {}
    tasks = {
        dag.dag_id: {task.task_id: set(task.downstream_task_ids) for task in dag.tasks} for dag in dag_bag.dags.values()
    }
    assert tasks == TASKS


def test_environment_variables_override_the_chapters_settings(monkeypatch: pytest.MonkeyPatch) -> None:
    settings = importlib.import_module("digit_classifier.settings")
    assert settings.BUCKET == "marin-airflow-book-data"
    assert settings.ROLE_ARN == "arn:aws:iam::123456789012:role/airflow-book-sagemaker"
    assert settings.TRAINING_IMAGE == "438346466558.dkr.ecr.eu-west-1.amazonaws.com/kmeans:latest"
    assert (settings.CHECK_INTERVAL, settings.DEPLOY_OPERATION) == (10, "create")
    for name, value in {"DIGITS_ACCOUNT": "1", "DIGITS_BUCKET": "b", "DIGITS_REGION": "eu-north-1"}.items():
        monkeypatch.setenv(name, value)
    try:
        changed = importlib.reload(settings)
        assert changed.ROLE_ARN == "arn:aws:iam::1:role/airflow-book-sagemaker"
        assert changed.TRAINING_IMAGE == "438346466558.dkr.ecr.eu-north-1.amazonaws.com/kmeans:latest"
        assert changed.BUCKET == "b"
    finally:
        monkeypatch.undo()
        importlib.reload(settings)


def test_the_deployment_is_named_after_the_job_that_ran(dag_bag: Any) -> None:
    """The operator renames a job whose name is taken, so every name comes from the job."""
    config = dag_bag.dags["aws_handwritten_digit_classifier"].get_task("sagemaker_deploy_model").config
    job = config["Model"]["ModelName"]
    assert "xcom_pull(task_ids='sagemaker_train_model')" in job
    assert "TrainingJobName" in job
    (variant,) = config["EndpointConfig"]["ProductionVariants"]
    assert variant["ModelName"] == config["EndpointConfig"]["EndpointConfigName"] == job
    assert config["Endpoint"]["EndpointConfigName"] == job
    assert "S3ModelArtifacts" in config["Model"]["PrimaryContainer"]["ModelDataUrl"]
