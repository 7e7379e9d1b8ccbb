"""An AWS mock in its own process, users with permissions, and calls in their name."""

from __future__ import annotations

import json
import re
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path
from typing import Any

import boto3
import requests
from botocore.config import Config

ROOT = Path(__file__).parents[2]
ACCOUNT, REGION = "123456789012", "eu-west-1"

Statement = dict[str, Any]


@dataclass(frozen=True)
class Caller:
    """The credentials of calls. Any credentials will do while IAM is not enforced."""

    url: str
    access_key: str = "anybody"
    secret_key: str = "anything"
    region: str = REGION

    def client(self, service: str) -> Any:
        return _client(self, service)


@lru_cache(maxsize=32)
def _client(caller: Caller, service: str) -> Any:
    return boto3.client(
        service,
        endpoint_url=caller.url,
        region_name=caller.region,
        aws_access_key_id=caller.access_key,
        aws_secret_access_key=caller.secret_key,
        config=Config(retries={"total_max_attempts": 1}, proxies={}),
    )


@contextmanager
def running_mock(folder: Path) -> Iterator[str]:
    """Run an AWS mock on a free port and yield its URL. `folder` gets its log."""
    log = folder / "log"
    command = [sys.executable, "-m", "harness.aws_mock", "-H", "127.0.0.1", "-p", "0"]
    with log.open("wb") as output, subprocess.Popen(command, cwd=ROOT, stdout=output, stderr=output) as process:
        try:
            yield _await_url(process, log)
        finally:
            process.terminate()


def _await_url(process: subprocess.Popen[bytes], log: Path) -> str:
    end = time.monotonic() + 60
    while time.monotonic() < end and process.poll() is None:
        if match := re.search(r"http://127\.0\.0\.1:[1-9]\d*", log.read_text()):
            return match[0]
        time.sleep(0.02)
    raise AssertionError(f"the AWS mock does not listen:\n{log.read_text()}")


def reset(url: str) -> None:
    requests.post(f"{url}/moto-api/reset", timeout=10).raise_for_status()


def enforce(url: str) -> None:
    requests.post(f"{url}/mock/enforce-iam", timeout=10).raise_for_status()


def create_user(url: str, *statements: Statement, name: str = "user") -> Caller:
    """Create a user with these statements as its policy. Call this before IAM is enforced."""
    iam = Caller(url).client("iam")
    iam.create_user(UserName=name)
    if statements:
        iam.put_user_policy(UserName=name, PolicyName="rights", PolicyDocument=format_policy(*statements))
    key = iam.create_access_key(UserName=name)["AccessKey"]
    return Caller(url, key["AccessKeyId"], key["SecretAccessKey"])


def format_policy(*statements: Statement) -> str:
    return json.dumps({"Version": "2012-10-17", "Statement": statements})


def allow(action: str | list[str], *resources: str, **more: Any) -> Statement:
    return {"Effect": "Allow", "Action": action, "Resource": list(resources), **more}


def deny(action: str | list[str], *resources: str, **more: Any) -> Statement:
    return {**allow(action, *resources, **more), "Effect": "Deny"}


def trust(service: str) -> str:
    return format_policy({"Effect": "Allow", "Principal": {"Service": service}, "Action": "sts:AssumeRole"})
