"""A twin in a process of its own, whose IAM is enforced, and users of it."""

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
    """Whose calls these are. While IAM is not enforced it may be anybody."""

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
def twin(folder: Path) -> Iterator[str]:
    """URL of a twin that runs meanwhile, on a port that it picks."""
    log = folder / "log"
    command = [sys.executable, "-m", "harness.aws_twin", "-H", "127.0.0.1", "-p", "0"]
    with log.open("wb") as output, subprocess.Popen(command, cwd=ROOT, stdout=output, stderr=output) as process:
        try:
            yield _when_it_listens(process, log)
        finally:
            process.terminate()


def _when_it_listens(process: subprocess.Popen[bytes], log: Path) -> str:
    end = time.monotonic() + 60
    while time.monotonic() < end and process.poll() is None:
        if found := re.search(r"http://127\.0\.0\.1:[1-9]\d*", log.read_text()):
            return found[0]
        time.sleep(0.02)
    raise AssertionError(f"the twin does not listen:\n{log.read_text()}")


def reset(url: str) -> None:
    requests.post(f"{url}/moto-api/reset", timeout=10).raise_for_status()


def enforce(url: str) -> None:
    requests.post(f"{url}/twin/enforce-iam", timeout=10).raise_for_status()


def user(url: str, *statements: Statement, name: str = "somebody") -> Caller:
    """A new user with these statements as his policy. To be made before IAM is enforced."""
    iam = Caller(url).client("iam")
    iam.create_user(UserName=name)
    if statements:
        iam.put_user_policy(UserName=name, PolicyName="rights", PolicyDocument=document(*statements))
    key = iam.create_access_key(UserName=name)["AccessKey"]
    return Caller(url, key["AccessKeyId"], key["SecretAccessKey"])


def document(*statements: Statement) -> str:
    return json.dumps({"Version": "2012-10-17", "Statement": statements})


def allow(action: str | list[str], *resources: str, **more: Any) -> Statement:
    return {"Effect": "Allow", "Action": action, "Resource": list(resources), **more}


def deny(action: str | list[str], *resources: str, **more: Any) -> Statement:
    return {**allow(action, *resources, **more), "Effect": "Deny"}


def trust(service: str) -> str:
    return document({"Effect": "Allow", "Principal": {"Service": service}, "Action": "sts:AssumeRole"})
