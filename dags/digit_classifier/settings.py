"""Settings of an AWS account: environment variables with the chapter's values as defaults."""

import os

ACCOUNT = os.environ.get("DIGITS_ACCOUNT", "123456789012")
"""Account of the role. The default replaces the account of the chapter's author."""

BUCKET = os.environ.get("DIGITS_BUCKET", "marin-airflow-book-data")
REGION = os.environ.get("DIGITS_REGION", "eu-west-1")
ROLE_ARN = os.environ.get("DIGITS_ROLE_ARN", f"arn:aws:iam::{ACCOUNT}:role/airflow-book-sagemaker")
TRAINING_IMAGE = os.environ.get("DIGITS_IMAGE", f"438346466558.dkr.ecr.{REGION}.amazonaws.com/kmeans:latest")
CHECK_INTERVAL = int(os.environ.get("DIGITS_CHECK_INTERVAL", "10"))
"""Seconds between two polls of a training job or an endpoint."""

DATASET = os.environ.get("DIGITS_DATASET", "/dataset/mnist.pkl.gz")
"""File that RUN_FIRST_setup_env uploads."""

SOURCE_BUCKET = "sagemaker-sample-data-eu-west-1"
SOURCE_KEY = "algorithms/kmeans/mnist/mnist.pkl.gz"
ENDPOINT = os.environ.get("DIGITS_ENDPOINT", "mnistclassifier")

DEPLOY_OPERATION = os.environ.get("DIGITS_DEPLOY_OPERATION", "create")
"""`create` works for every deployment, as the operator updates an existing endpoint. The guide's code has `update`,
which fails on the first deployment.
"""

MODEL_NAME = os.environ.get("DIGITS_MODEL_NAME", "")
VARIANT_MODEL_NAME = os.environ.get("DIGITS_VARIANT_MODEL_NAME", "")
"""Names that override the training job's, to try the guide's code, which has `mnistclassifier` here."""
