"""This project as a user of its own harness: what the chapter's DAGs need, declared as any project would."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from urllib.parse import quote

import pytest

from harness.services.stack import Stack

pytest_plugins = ["scenarios.listings_option", "scenarios.digits_option"]

HERE = Path(__file__).parent


@pytest.fixture(scope="session")
def databases() -> Mapping[str, str]:
    return {"insideairbnb": (HERE / "dags" / "inside_airbnb" / "schema.sql").read_text()}


@pytest.fixture
def connections(stack: Stack) -> Mapping[str, str]:
    s3 = stack.minio.endpoint
    endpoint = quote(s3.url, safe="")
    return {
        # `endpoint_url` is what today's provider reads; `host` is what code of 2021 takes from extra_dejson.
        "locals3": f"aws://{s3.access_key}:{s3.secret_key}@/?endpoint_url={endpoint}&host={endpoint}&region_name=eu-west-1",
        "aws_conn": f"aws://testing:testing@/?endpoint_url={quote(stack.aws.url, safe='')}&region_name=eu-west-1",
        "inside_airbnb": stack.postgres.url("insideairbnb"),
    }


@pytest.fixture
def environment(stack: Stack) -> Mapping[str, str]:
    s3 = stack.minio.endpoint
    sidecars = {}
    if stack.kind == "containers":
        sidecars = {
            "DOCKER_HOST": stack.relay.docker_host,
            "NUMBERCRUNCHER_IMAGE": stack.images["numbercruncher"].reference,
            "NUMBERCRUNCHER_NETWORK": stack.network,
        }
    return {
        "AWS_ENDPOINT_URL": stack.aws.url,
        "AWS_ENDPOINT_URL_S3": stack.aws.url,
        # The chapter's image, said here so that the region can be compared with it before a run.
        "DIGITS_IMAGE": "438346466558.dkr.ecr.eu-west-1.amazonaws.com/kmeans:latest",
        "DIGITS_CHECK_INTERVAL": "1",
        "S3_ENDPOINT": s3.internal,
        "S3_ACCESS_KEY": s3.access_key,
        "S3_SECRET_KEY": s3.secret_key,
        **sidecars,
    }
