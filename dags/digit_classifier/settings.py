"""What differs from one account to the next: each from an environment variable, with the chapter's value as default."""

import os

ACCOUNT = os.environ.get("DIGITS_ACCOUNT", "123456789012")
"""The account of the role; the chapter's author's own is not repeated here."""

BUCKET = os.environ.get("DIGITS_BUCKET", "marin-airflow-book-data")
REGION = os.environ.get("DIGITS_REGION", "eu-west-1")
ROLE_ARN = os.environ.get("DIGITS_ROLE_ARN", f"arn:aws:iam::{ACCOUNT}:role/airflow-book-sagemaker")
TRAINING_IMAGE = os.environ.get("DIGITS_IMAGE", f"438346466558.dkr.ecr.{REGION}.amazonaws.com/kmeans:latest")
CHECK_INTERVAL = int(os.environ.get("DIGITS_CHECK_INTERVAL", "10"))
"""Seconds between two looks at a training job or an endpoint."""

DATASET = os.environ.get("DIGITS_DATASET", "/dataset/mnist.pkl.gz")
"""The file that RUN_FIRST_setup_env uploads."""

SOURCE_BUCKET = "sagemaker-sample-data-eu-west-1"
SOURCE_KEY = "algorithms/kmeans/mnist/mnist.pkl.gz"
ENDPOINT = os.environ.get("DIGITS_ENDPOINT", "mnistclassifier")

DEPLOY_OPERATION = os.environ.get("DIGITS_DEPLOY_OPERATION", "create")
"""`create` does for the first deployment and for every later one: the operator updates an endpoint that exists. The
guide's code says `update`, which can't be the first.
"""

MODEL_NAME = os.environ.get("DIGITS_MODEL_NAME", "")
VARIANT_MODEL_NAME = os.environ.get("DIGITS_VARIANT_MODEL_NAME", "")
"""Names other than the training job's, to see what comes of them: the guide's code has `mnistclassifier` here."""
