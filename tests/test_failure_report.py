"""pytest's sections of a failed scenario: log, sidecar, services, buckets, versions, without secrets."""

from __future__ import annotations

import re
from base64 import b64encode
from pathlib import Path

import pytest

from harness.settings import Settings
from tests.outer import project, run_pytest

pytestmark = pytest.mark.engine

SCENARIO = """
import base64, docker, pytest, requests

@pytest.fixture
def environment(harness_stack):
    return {"A_SECRET": harness_stack.minio.endpoint.secret_key}

def test_fails(world):
    client = docker.DockerClient(base_url=world.stack.relay.docker_host)
    with pytest.raises(docker.errors.ContainerError):
        client.containers.run(
            world.stack.images["python"].reference,
            ["python3", "-c", "print('sidecar speaking'); raise SystemExit(7)"],
            remove=True,
        )
    with open("secrets", "w") as file:
        file.write(world.stack.minio.endpoint.secret_key + " " + world.stack.postgres.secrets()[0])
    world.put("kept", "left/behind", b"abc")
    with world.sql("postgres") as connection, pytest.raises(Exception, match="mistake"):
        connection.execute("SELECT mistake")
    run = world.run("looks_around", "2021-01-01")
    assert run.evidence.objects["kept"]["left/behind"].preview == "abc"
    print(world.stack.minio.endpoint.secret_key)
    world.run("hello", "2019-01-01")

def test_shows_secrets_without_a_world(harness_stack, connections):
    secret = harness_stack.minio.endpoint.secret_key
    print(base64.b64encode(secret.encode()).decode())
    print(requests.auth._basic_auth_str("user", harness_stack.postgres.secrets()[0]))
    print(secret.upper())
    assert harness_stack.postgres.url("postgres") == [secret]

def test_shows_a_secret(world):
    assert world.stack.postgres.url("postgres") == [world.stack.minio.endpoint.secret_key]
"""


def test_a_failed_scenario_shows_its_evidence(tmp_path: Path, harness_settings: Settings) -> None:
    folder = project(tmp_path, SCENARIO, 'buckets = ["kept"]')

    done = run_pytest(folder, harness_settings.root, "-vv", "--junitxml", "junit.xml")

    assert done.returncode == 1, done.stdout
    shown = done.stdout.split("_ test_shows_secrets_without_a_world _")[0]
    titles = re.findall(r"^-+ (.+?) -+$", shown, re.M)
    assert titles[0] == "log of hello 2019-01-01 (exit code 0)"
    assert re.fullmatch(r"sidecar \S*python\S* \(exit code 7\)", titles[1])
    # The other services printed nothing since the scenario began.
    assert titles[2:] == ["last lines of postgres", "what was in the buckets", "versions", "Captured stdout call"]
    assert 'column "mistake" does not exist' in shown
    assert "database system is ready" not in shown
    assert "3 bytes  minio: kept/left/behind" in shown
    assert re.search(r"^Airflow \d[\d.]*, Python \d[\d.]*, harness \S+$", shown, re.M)
    assert "sidecar speaking" in done.stdout
    assert "2019-01-01 is outside the DAG's dates, 2020-01-01 (start_date) to any (end_date)" in done.stdout
    assert re.search(r"fails +│? *looks_around, *hello", done.stdout)
    assert "postgresql://postgres:***@127.0.0.1" in done.stdout, "the comparison is shown, masked"
    junit = (folder / "junit.xml").read_text()
    assert 'message="harness.errors.RunOutcomeError: hello for 2019-01-01' in junit
    assert "sidecar speaking" in junit
    assert "Basic dXNlcj***" in done.stdout
    for secret in (folder / "secrets").read_text().split():
        for form in (secret, secret.upper(), *(b64encode(bytes(n) + secret.encode())[4:-4].decode() for n in range(3))):
            assert form not in done.stdout
            assert form not in junit
