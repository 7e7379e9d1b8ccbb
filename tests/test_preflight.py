from __future__ import annotations

import re
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
    ("value", "message"),
    [
        ("s3://user:password@?host=http%3A%2F%2Flocals3%3A9000", "endpoint_url=http%3A%2F%2Flocals3%3A9000"),
        ("aws://user:password@/?host=http%3A%2F%2Flocals3%3A9000", "would call the real AWS"),
        ('{"conn_type": "aws", "extra": {"host": "http://locals3:9000"}}', "would call the real AWS"),
        ('{"conn_type": "s3", "extra": "{}"}', "would call the real AWS"),
        (
            "s3://user:password@?host=http%3A%2F%2Fuser%3Apassword%40locals3%3A9000",
            "endpoint_url=http%3A%2F%2FHOST%3APORT",
        ),
        ("aws://user:password@locals3:9000/", "endpoint_url=http%3A%2F%2FHOST%3APORT"),
        ("AWS://user:password@locals3", "would call the real AWS"),
        ("aws://http://locals3:9000/", "would call the real AWS"),
        ("aws://user:password@locals3/?endpoint_url=", "would call the real AWS"),
        ("aws://user:password@/?endpoint_url=x&__extra__=%7B%22host%22%3A+%22x%22%7D", "would call the real AWS"),
        ('{"conn_type": "AWS", "host": "locals3", "password": "user:password"}', "would call the real AWS"),
        ('{"conn_type": "aws", "extra": {"host": 5}}', "would call the real AWS"),
    ],
)
def test_connections_that_todays_provider_ignores(dags: Path, value: str, message: str) -> None:
    with pytest.raises(RunRefusedError) as refused:
        refuse_misleading(dags, "2021-01-01", {"AIRFLOW_CONN_LOCALS3": value})
    assert message in str(refused.value)
    assert "user:password" not in str(refused.value)
    assert "user%3Apassword" not in str(refused.value)
    assert "\n" not in str(refused.value)


@pytest.mark.parametrize(
    ("value", "message"),
    [
        ("{broken", " is not valid JSON"),
        ('{"conn_type": "aws", "password": "secret"\n\n', " is not valid JSON"),
        ('{"conn_type": "aws", "extra": "{secret"}', "'s extra is not valid JSON"),
        ('{"conn_type": "aws", "extra": 5}', "'s extra is not a JSON object"),
        ('{"conn_type": "aws", "extra": "5"}', "'s extra is not a JSON object"),
        ('{"conn_type": "aws", "extra": ["secret"]}', "'s extra is not a JSON object"),
        ("aws://u:p@/?__extra__={secret", "'s __extra__ is not valid JSON"),
        ("aws://u:p@/?__extra__=5", "'s __extra__ is not a JSON object"),
        ("aws://[secret", " is not a valid URI"),
        ("aws://u:secret@/?endpoint_url=http://127.0.0.1:9000", " is not a valid URI"),
        ("aws://secret@/?a=http%3A//x&b=http://y&c=http://z", " is not a valid URI"),
        ("aws://u:secret@[bad]/", " is not a valid URI"),
        ("aws://u:secret\u2100@host/", " is not a valid URI"),
        ("aws://u:sec/secret@host/", " is not a valid URI"),
    ],
)
def test_malformed_connections(dags: Path, value: str, message: str) -> None:
    with pytest.raises(RunRefusedError) as refused:
        refuse_misleading(dags, "2021-01-01", {"AIRFLOW_CONN_LOCALS3": value})
    assert str(refused.value).startswith(f"AIRFLOW_CONN_LOCALS3{message}")
    assert "secret" not in str(refused.value)
    assert "\n" not in str(refused.value)


@pytest.mark.parametrize(
    "value",
    [
        "aws://user:password@/?endpoint_url=http%3A%2F%2Flocals3%3A9000&host=http%3A%2F%2Flocals3%3A9000",
        '{"conn_type": "aws", "extra": {"endpoint_url": "http://locals3:9000"}}',
        "aws://id:secret@",
        "aws://id:secret@/",
        '{"conn_type": "aws", "extra": null}',
        '{"conn_type": "aws", "extra": "null"}',
        '{"conn_type": "aws", "extra": ""}',
        '{"extra": {"host": 5}}',
        "s3://user:password@/?endpoint_url=http%3A%2F%2Flocals3%3A9000",
        "aws://user:password@locals3:9000/?endpoint_url=http%3A%2F%2Flocals3%3A9000",
        '{"conn_type": "aws", "host": "locals3", "extra": {"service_config": {"s3": {"endpoint_url": "http://x"}}}}',
        "aws://u:p@/?__extra__=%7B%22endpoint_url%22%3A+%22http%3A%2F%2Fx%2F%2525%22%2C+%22host%22%3A+%22x%22%7D",
        # A second decoding would end the string at %22.
        "aws://u:p@/?__extra__=%7B%22region_name%22%3A+%22a%2522b%22%7D",
        "postgresql://a:b@host/db?host=elsewhere",
    ],
)
def test_connections_that_work(dags: Path, value: str) -> None:
    refuse_misleading(dags, "2021-01-01", {"AIRFLOW_CONN_LOCALS3": value})


@pytest.mark.parametrize(
    ("value", "corrected"),
    [
        ("aws://AKIA1:abc", "aws://AKIA1:***@/"),
        ("aws://AKIA1:ab/c+d@", "aws://AKIA1:***%2F***%2B***@/"),
        ("aws://AKIA1:ab/c/d@/?region_name=eu-west-1", "aws://AKIA1:***%2F***%2F***@/?region_name=eu-west-1"),
        ("aws://AKIA1:ab/c", "aws://AKIA1:***%2F***@/"),
        ("aws://AKIA1:ab#c@", "aws://AKIA1:***%23***@/"),
        ("aws://AKIA1:ab%2Fc?region_name=x", "aws://AKIA1:***%2F***@/?region_name=x"),
    ],
)
def test_the_error_shows_corrected_credentials(dags: Path, value: str, corrected: str) -> None:
    with pytest.raises(RunRefusedError) as refused:
        refuse_misleading(dags, "2021-01-01", {"AIRFLOW_CONN_AWS_CONN": value})
    assert f": write {corrected}, where *** stands for unchanged text" in str(refused.value)


IMAGE = {"TRAINING": "1.2 438346466558.dkr.ecr.eu-west-1.amazonaws.com/kmeans:latest"}
AWS_MOCK = {"AWS_ENDPOINT_URL": "http://127.0.0.1:1"}
AT_AWS_MOCK = "endpoint_url=http%3A%2F%2F127.0.0.1%3A1"


@pytest.mark.parametrize(
    ("connection", "env", "message"),
    [
        ("aws://u:p@", {}, "has no region, and TRAINING (438346466558.dkr.ecr.eu-west-1.amazonaws.com/kmeans:latest)"),
        ("aws://u:p@", {"AWS_DEFAULT_REGION": ""}, "has no region"),
        ("aws://u:p@", {"AWS_DEFAULT_REGION": "us-east-1"}, "has region us-east-1, but TRAINING"),
        ("aws://u:p@/?region_name=us-east-1", {"AWS_DEFAULT_REGION": "eu-west-1"}, "has region us-east-1"),
        (f"aws://u:p@/?{AT_AWS_MOCK}", {}, "has no region"),
        ('{"conn_type": "aws", "extra": {"region_name": "us-east-1"}}', {}, "has region us-east-1"),
    ],
)
def test_another_region_than_the_images_is_refused(
    dags: Path, connection: str, env: dict[str, str], message: str
) -> None:
    with pytest.raises(RunRefusedError) as refused:
        refuse_misleading(dags, "2021-01-01", {"AIRFLOW_CONN_AWS_CONN": connection, **IMAGE, **AWS_MOCK, **env})
    assert message in str(refused.value)
    assert "eu-west-1" in str(refused.value)


@pytest.mark.parametrize(
    ("connection", "env"),
    [
        ("aws://u:p@", {"AWS_DEFAULT_REGION": "eu-west-1"}),
        (f"aws://u:p@/?{AT_AWS_MOCK}&region_name=eu-west-1", {"AWS_DEFAULT_REGION": "us-east-1"}),
        ("aws://u:p@/?endpoint_url=http%3A%2F%2Fminio&region_name=us-east-1", {}),  # another S3
        ("postgresql://a:b@host/db", {}),
    ],
)
def test_valid_regions(dags: Path, connection: str, env: dict[str, str]) -> None:
    refuse_misleading(dags, "2021-01-01", {"AIRFLOW_CONN_ONE": connection, **IMAGE, **AWS_MOCK, **env})


@pytest.mark.parametrize("date", ["tomorrow", "2021-13-01", "2021-02-30", "", "01/02/2021"])
def test_an_invalid_date_is_refused(dags: Path, date: str) -> None:
    with pytest.raises(RunRefusedError, match="is not a date: write 2021-01-31"):
        refuse_misleading(dags, date, {})


def test_a_missing_or_empty_dags_folder_is_refused(tmp_path: Path) -> None:
    with pytest.raises(RunRefusedError, match="does not exist: set dags_folder"):
        refuse_misleading(tmp_path / "nowhere", "2021-01-01", {})
    with pytest.raises(RunRefusedError, match="holds no Python file"):
        refuse_misleading(tmp_path, "2021-01-01", {})


def test_a_docker_host_that_does_not_listen_is_refused(dags: Path) -> None:
    with socket.socket() as listening:
        listening.bind(("127.0.0.1", 0))
        port = listening.getsockname()[1]
        # The port is bound but not listening, so connections fail and no other process can take the port.
        with pytest.raises(RunRefusedError, match=f"host 127.0.0.1, port {port}"):
            refuse_misleading(dags, "2021-01-01", {"DOCKER_HOST": f"tcp://127.0.0.1:{port}"})
        listening.listen()
        refuse_misleading(dags, "2021-01-01", {"DOCKER_HOST": f"tcp://127.0.0.1:{port}"})
        refuse_misleading(dags, "2021-01-01", {"DOCKER_HOST": f"127.0.0.1:{port}"})
        refuse_misleading(dags, "2021-01-01", {"DOCKER_HOST": f"https://127.0.0.1:{port}"})


def test_a_docker_socket_that_does_not_listen_is_refused(dags: Path) -> None:
    path = dags / "it.sock"
    with socket.socket(socket.AF_UNIX) as listening:
        listening.bind(str(path))
        with pytest.raises(RunRefusedError, match=f"nothing is listening on the socket {path} "):
            refuse_misleading(dags, "2021-01-01", {"DOCKER_HOST": f"unix://{path}"})
        listening.listen()
        refuse_misleading(dags, "2021-01-01", {"DOCKER_HOST": f"unix://{path}"})


@pytest.mark.parametrize(
    ("value", "address"),
    [
        ("tcp://[::1]:9", ("::1", 9)),
        ("[::1]:9", ("::1", 9)),
        ("tcp://127.0.0.1", ("127.0.0.1", 2375)),
        ("https://somewhere", ("somewhere", 2376)),
        ("http://somewhere:9/", ("somewhere", 9)),
        ("somewhere:9", ("somewhere", 9)),
        ("127.0.0.1:9", ("127.0.0.1", 9)),
    ],
)
def test_the_address_of_a_docker_host(
    dags: Path, monkeypatch: pytest.MonkeyPatch, value: str, address: tuple[str, int]
) -> None:
    def refuse(target: tuple[str, int], timeout: float) -> None:
        assert target == address
        raise ConnectionRefusedError(111, "Connection refused")

    monkeypatch.setattr(socket, "create_connection", refuse)
    with pytest.raises(
        RunRefusedError, match=re.escape(f"nothing is listening on host {address[0]}, port {address[1]} (Conn")
    ):
        refuse_misleading(dags, "2021-01-01", {"DOCKER_HOST": value})


def test_the_guides_port_gets_a_hint(dags: Path) -> None:
    with pytest.raises(RunRefusedError, match=r"host a\.\.b, port 2376 .*relay listens on 2375"):
        refuse_misleading(dags, "2021-01-01", {"DOCKER_HOST": "tcp://a..b:2376"})


@pytest.mark.parametrize("value", ["unix:///nowhere.sock", "unix://nowhere.sock", f"unix:///{'x' * 200}"])
def test_a_missing_docker_socket_is_refused(dags: Path, value: str) -> None:
    with pytest.raises(RunRefusedError, match="nothing is listening on the socket /"):
        refuse_misleading(dags, "2021-01-01", {"DOCKER_HOST": value})


@pytest.mark.parametrize("value", ["npipe:////./pipe/docker_engine", "ssh://me@somewhere"])
def test_ssh_and_npipe_are_not_checked(dags: Path, value: str) -> None:
    refuse_misleading(dags, "2021-01-01", {"DOCKER_HOST": value})


@pytest.mark.parametrize(
    "value",
    [
        "",
        "socat",
        "tcp://",
        "tcp://:9",
        "tcp://a:b",
        "tcp://a:99999",
        "tcp://[::1",
        "ftp://a:9",
        "tcp://u:secret@a:9",
        "a\nb",
    ],
)
def test_an_invalid_docker_host_is_refused(dags: Path, value: str) -> None:
    with pytest.raises(RunRefusedError) as refused:
        refuse_misleading(dags, "2021-01-01", {"DOCKER_HOST": value})
    assert str(refused.value) == "DOCKER_HOST is not an address: write tcp://HOST:PORT or unix:///PATH"
