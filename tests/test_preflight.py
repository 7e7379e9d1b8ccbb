from __future__ import annotations

import socket
from pathlib import Path

import pytest

from harness.airflow.preflight import refuse_misleading
from harness.errors import RunRefusedError


@pytest.fixture
def dags(tmp_path: Path) -> Path:
    (tmp_path / "a.py").touch()
    return tmp_path


@pytest.mark.parametrize(
    ("value", "told"),
    [
        ("s3://user:password@?host=http%3A%2F%2Flocals3%3A9000", "endpoint_url=http%3A%2F%2Flocals3%3A9000"),
        ("aws://user:password@/?host=http%3A%2F%2Flocals3%3A9000", "would talk to the real AWS"),
        ('{"conn_type": "aws", "extra": {"host": "http://locals3:9000"}}', "would talk to the real AWS"),
        ('{"conn_type": "s3", "extra": "{}"}', "would talk to the real AWS"),
        ("{broken", "AIRFLOW_CONN_LOCALS3 is not valid JSON"),
    ],
)
def test_connections_that_todays_provider_ignores(dags: Path, value: str, told: str) -> None:
    with pytest.raises(RunRefusedError) as refused:
        refuse_misleading(dags, "2021-01-01", {"AIRFLOW_CONN_LOCALS3": value})
    assert told in str(refused.value)
    assert "user:password" not in str(refused.value)
    assert "\n" not in str(refused.value)


@pytest.mark.parametrize(
    "value",
    [
        "aws://user:password@/?endpoint_url=http%3A%2F%2Flocals3%3A9000&host=http%3A%2F%2Flocals3%3A9000",
        '{"conn_type": "aws", "extra": {"endpoint_url": "http://locals3:9000"}}',
        "aws://id:secret@",
        "postgresql://a:b@host/db?host=elsewhere",
    ],
)
def test_connections_that_work(dags: Path, value: str) -> None:
    refuse_misleading(dags, "2021-01-01", {"AIRFLOW_CONN_LOCALS3": value})


@pytest.mark.parametrize("date", ["tomorrow", "2021-13-01", "2021-02-30", "", "01/02/2021"])
def test_what_is_not_a_date(dags: Path, date: str) -> None:
    with pytest.raises(RunRefusedError, match="is not a date: write 2021-01-31"):
        refuse_misleading(dags, date, {})


def test_a_missing_and_an_empty_dags_folder(tmp_path: Path) -> None:
    with pytest.raises(RunRefusedError, match="does not exist: set dags_folder"):
        refuse_misleading(tmp_path / "nowhere", "2021-01-01", {})
    with pytest.raises(RunRefusedError, match="holds no Python file"):
        refuse_misleading(tmp_path, "2021-01-01", {})


def test_a_docker_host_must_answer(dags: Path) -> None:
    with socket.socket() as listening:
        listening.bind(("127.0.0.1", 0))
        port = listening.getsockname()[1]
        # Bound, not listening: nobody else can take the port meanwhile, and nobody answers.
        with pytest.raises(RunRefusedError, match=f"host 127.0.0.1, port {port}"):
            refuse_misleading(dags, "2021-01-01", {"DOCKER_HOST": f"tcp://127.0.0.1:{port}"})
        listening.listen()
        refuse_misleading(dags, "2021-01-01", {"DOCKER_HOST": f"tcp://127.0.0.1:{port}"})
    with pytest.raises(RunRefusedError, match="is not an address"):
        refuse_misleading(dags, "2021-01-01", {"DOCKER_HOST": "socat"})
