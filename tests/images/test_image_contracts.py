"""Built and pulled images behave like the official ones.

The tests check entrypoints, variables, ports and data paths.
"""

from __future__ import annotations

import gzip
import http.client
import json
import socket
import sys
from pathlib import Path
from typing import ClassVar

import boto3
import docker
import psycopg
import pytest
from docker.models.containers import Container

from harness.images.build import run_probe
from harness.images.catalogue import BUILT_IN, load_catalogue
from harness.images.resolve import ResolvedImage, resolve_image
from harness.settings import Settings
from tests.images.support import Run, host_port, wait_until

pytestmark = pytest.mark.engine


@pytest.fixture(scope="module")
def images(engine: docker.DockerClient, project_settings: Settings) -> dict[str, ResolvedImage]:
    return {name: resolve_image(engine, project_settings, name) for name in BUILT_IN}


def test_a_second_resolve_neither_builds_nor_pulls(
    engine: docker.DockerClient, project_settings: Settings, images: dict[str, ResolvedImage]
) -> None:
    class FailingProgress:
        def step(self, image: str, text: str) -> None:
            raise AssertionError(f"{image}: {text}")

    again = {name: resolve_image(engine, project_settings, name, FailingProgress()) for name in BUILT_IN}
    assert again == images


def test_every_image_has_an_origin_and_a_version(images: dict[str, ResolvedImage]) -> None:
    for image in images.values():
        assert image.origin.startswith(("built: ", "pulled", "present"))
        assert image.version
        assert image.size > 1_000_000


def test_a_built_image_does_not_name_this_machines_python(
    engine: docker.DockerClient, images: dict[str, ResolvedImage]
) -> None:
    if not images["aws"].origin.startswith("built"):
        pytest.skip("the image was pulled")
    search = ("sh", "-c", f"grep -rl {sys.executable} /opt/packages | head -3")
    assert run_probe(engine, images["aws"].reference, search, "aws") == ""


class TestPostgres:
    ENVIRONMENT: ClassVar = {"POSTGRES_USER": "anna", "POSTGRES_PASSWORD": "pass'word", "POSTGRES_DB": "Inside-Airbnb"}

    def connect(self, container: Container, **changed: str) -> psycopg.Connection[tuple[object, ...]]:
        return psycopg.connect(
            host="127.0.0.1",
            port=host_port(container, 5432),
            **{"user": "anna", "password": "pass'word", "dbname": "Inside-Airbnb"} | changed,  # type: ignore[arg-type]
            connect_timeout=5,
        )

    def test_init_files_run_once_before_anyone_can_connect(
        self, run: Run, images: dict[str, ResolvedImage], tmp_path: Path
    ) -> None:
        (tmp_path / "1.sql").write_text("CREATE TABLE run (source text); INSERT INTO run VALUES ('sql');")
        (tmp_path / "2.sql.gz").write_bytes(gzip.compress(b"INSERT INTO run VALUES ('gz');"))
        script = tmp_path / "3.sh"
        insert = 'psql -v ON_ERROR_STOP=1 -U "$POSTGRES_USER" -d "$POSTGRES_DB" -c "INSERT INTO run VALUES'
        script.write_text(f"#!/bin/bash\nset -e\n{insert} ('executed')\"\n")
        script.chmod(0o755)
        (tmp_path / "4.sh").write_text(f"{insert} ('sourced')\"\n")
        (tmp_path / "4.sh").chmod(0o644)
        (tmp_path / "5.txt").write_text("not for postgres")
        tmp_path.chmod(0o755)
        volumes = {str(tmp_path): {"bind": "/docker-entrypoint-initdb.d", "mode": "ro"}}
        container = run(images["postgres"].reference, ports=(5432,), environment=self.ENVIRONMENT, volumes=volumes)

        def list_sources() -> list[str]:
            with self.connect(container) as connection:
                return [str(row[0]) for row in connection.execute("SELECT source FROM run")]

        wait_until(list_sources)
        # The first successful query returns every row, because the server listens only after the init files ran.
        assert list_sources() == ["sql", "gz", "executed", "sourced"]
        container.restart(timeout=10)
        container.reload()
        wait_until(list_sources)
        assert list_sources() == ["sql", "gz", "executed", "sourced"]

    def test_user_password_encoding_time_zone_and_tools(self, run: Run, images: dict[str, ResolvedImage]) -> None:
        container = run(images["postgres"].reference, ports=(5432,), environment=self.ENVIRONMENT)
        wait_until(lambda: self.connect(container).close() is None)
        with self.connect(container) as connection:

            def query_value(sql: str) -> object:
                row = connection.execute(sql).fetchone()
                assert row
                return row[0]

            assert str(query_value("SHOW server_version")).startswith("17")
            assert query_value("SHOW server_encoding") == "UTF8"
            assert query_value("SELECT datcollate FROM pg_database WHERE datname = current_database()") == "en_US.utf8"
            connection.execute("SET timezone = 'Europe/Amsterdam'")
            assert str(query_value("SELECT '2020-07-01 00:00Z'::timestamptz::text")) == "2020-07-01 02:00:00+02"
            assert query_value("SELECT rolsuper FROM pg_roles WHERE rolname = 'anna'") is True
            assert query_value("SHOW data_directory") == "/var/lib/postgresql/data"
            assert query_value("SHOW password_encryption") == "scram-sha-256"
        with pytest.raises(psycopg.OperationalError, match="password authentication failed"):
            self.connect(container, password="wrong")
        for tool in ("psql", "pg_dump", "pg_restore", "pg_isready"):
            code, output = container.exec_run([tool, "--version"])
            assert code == 0
            assert b"17." in output
        owner = container.exec_run(["stat", "-c", "%U %a", "/var/lib/postgresql/data", "/proc/1"])[1].decode()
        assert owner.splitlines() == ["postgres 700", "postgres 555"]
        mounts = {mount["Destination"]: mount["Type"] for mount in container.attrs["Mounts"]}
        assert mounts == {"/var/lib/postgresql/data": "volume"}

    def test_arguments_reach_initdb_and_the_server(self, run: Run, images: dict[str, ResolvedImage]) -> None:
        environment = {**self.ENVIRONMENT, "POSTGRES_INITDB_ARGS": "--locale=C --encoding=UTF8 --wal-segsize=4"}
        container = run(
            images["postgres"].reference,
            ["-c", "max_connections=17"],
            ports=(5432,),
            environment=environment,
        )
        wait_until(lambda: self.connect(container).close() is None)
        with self.connect(container) as connection:
            assert connection.execute("SHOW max_connections").fetchone() == ("17",)
            assert connection.execute("SHOW wal_segment_size").fetchone() == ("4MB",)
            assert connection.execute("SELECT datcollate FROM pg_database LIMIT 1").fetchone() == ("C",)

    def test_start_without_a_password_fails(self, run: Run, images: dict[str, ResolvedImage]) -> None:
        container = run(images["postgres"].reference)
        assert container.wait(timeout=20)["StatusCode"] == 1
        assert b"POSTGRES_PASSWORD" in container.logs()

    def test_a_failing_init_file_fails_the_start(
        self, run: Run, images: dict[str, ResolvedImage], tmp_path: Path
    ) -> None:
        (tmp_path / "1.sql").write_text("SELECT * FROM nowhere;")
        tmp_path.chmod(0o755)
        volumes = {str(tmp_path): {"bind": "/docker-entrypoint-initdb.d", "mode": "ro"}}
        container = run(images["postgres"].reference, environment=self.ENVIRONMENT, volumes=volumes)
        assert container.wait(timeout=20)["StatusCode"] != 0
        assert b'relation "nowhere" does not exist' in container.logs()


class TestMinio:
    def test_server_reports_its_release_and_accepts_the_root_user(
        self, run: Run, images: dict[str, ResolvedImage], project_settings: Settings
    ) -> None:
        release = load_catalogue(project_settings)["minio"].release
        secret = {"MINIO_ROOT_USER": "anna", "MINIO_ROOT_PASSWORD": "password"}
        container = run(
            images["minio"].reference,
            ["server", "/data", "--console-address", ":9001"],
            ports=(9000, 9001),
            environment=secret,
        )
        port, console = host_port(container, 9000), host_port(container, 9001)
        wait_until(lambda: get(port, "/minio/health/live")[0] == 200)
        wait_until(lambda: get(console, "/")[0] == 200)
        s3 = boto3.client(
            "s3",
            endpoint_url=f"http://127.0.0.1:{port}",
            aws_access_key_id="anna",
            aws_secret_access_key="password",
            region_name="us-east-1",
        )
        s3.create_bucket(Bucket="inside-airbnb")
        s3.put_object(Bucket="inside-airbnb", Key="a/b", Body=b"x")
        assert s3.get_object(Bucket="inside-airbnb", Key="a/b")["Body"].read() == b"x"
        _, version = container.exec_run(["minio", "--version"])
        assert version.decode().startswith(f"minio version {release} ")
        assert b"(commit-id=" in version
        # The server reports the release too, at the start of its log.
        wait_until(lambda: f"Version: {release} ".encode() in container.logs())
        assert container.exec_run(["ls", "/data"])[1].split() == [b"inside-airbnb"]
        assert [mount["Destination"] for mount in container.attrs["Mounts"]] == ["/data"]

    @pytest.mark.parametrize("command", [["minio", "--version"], ["--version"]])
    def test_the_program_name_is_optional_in_the_command(
        self, run: Run, images: dict[str, ResolvedImage], command: list[str]
    ) -> None:
        container = run(images["minio"].reference, command)
        assert container.wait(timeout=20)["StatusCode"] == 0
        assert container.logs().startswith(b"minio version ")


class TestMc:
    def test_client_reports_its_release(
        self, run: Run, images: dict[str, ResolvedImage], project_settings: Settings
    ) -> None:
        container = run(images["mc"].reference, ["--version"])
        assert container.wait(timeout=20)["StatusCode"] == 0
        release = load_catalogue(project_settings)["mc"].release
        assert container.logs().decode().startswith(f"mc version {release} (commit-id=")

    def test_image_has_a_shell(self, run: Run, images: dict[str, ResolvedImage]) -> None:
        container = run(images["mc"].reference, ["-c", "mc alias list local"], entrypoint=["/bin/sh"])
        assert container.wait(timeout=20)["StatusCode"] == 0
        assert b"http://localhost:9000" in container.logs()


class TestAirflow:
    def test_container_runs_as_the_airflow_user(self, run: Run, images: dict[str, ResolvedImage]) -> None:
        script = (
            'id -un; id -u; id -g; pwd; echo "$AIRFLOW_HOME"; umask; cat /proc/1/comm; '
            "touch /opt/airflow/x /opt/airflow/dags/x && echo writes"
        )
        container = run(images["airflow"].reference, ["bash", "-c", script])
        assert container.wait(timeout=20)["StatusCode"] == 0, container.logs()
        output = container.logs().decode().split()
        assert output == ["airflow", "50000", "0", "/opt/airflow", "/opt/airflow", "0002", "dumb-init", "writes"]

    @pytest.mark.parametrize(
        "command", [["version"], pytest.param(["airflow", "version"], marks=pytest.mark.at_length)]
    )
    def test_the_program_name_is_optional_in_the_command(
        self, run: Run, images: dict[str, ResolvedImage], command: list[str]
    ) -> None:
        container = run(images["airflow"].reference, command)
        assert container.wait(timeout=60)["StatusCode"] == 0, container.logs()
        assert container.logs().decode().splitlines()[-1] == images["airflow"].version.partition("-")[0]

    def test_image_contains_the_providers_of_the_dags(self, run: Run, images: dict[str, ResolvedImage]) -> None:
        imports = "; ".join(
            f"import airflow.providers.{name}"
            for name in ("amazon.aws.hooks.s3", "docker.operators.docker", "postgres.hooks.postgres")
        )
        container = run(images["airflow"].reference, ["python", "-c", imports])
        assert container.wait(timeout=60)["StatusCode"] == 0, container.logs()


def get(port: int, path: str) -> tuple[int, bytes]:
    connection = http.client.HTTPConnection("127.0.0.1", port, timeout=5)
    try:
        connection.request("GET", path)
        answer = connection.getresponse()
        return answer.status, answer.read()
    finally:
        connection.close()


def test_aws_mock_answers(run: Run, images: dict[str, ResolvedImage]) -> None:
    container = run(images["aws"].reference, ports=(5000,))
    port = host_port(container, 5000)
    wait_until(lambda: get(port, "/moto-api/")[0] == 200)
    sts = boto3.client(
        "sts",
        endpoint_url=f"http://127.0.0.1:{port}",
        aws_access_key_id="any",
        aws_secret_access_key="any",
        region_name="us-east-1",
    )
    assert sts.get_caller_identity()["Account"] == "123456789012"
    assert isinstance(json.loads(get(port, "/moto-api/data.json")[1]), dict)


def test_aws_mock_listens_on_another_port(run: Run, images: dict[str, ResolvedImage]) -> None:
    container = run(images["aws"].reference, ports=(5005,), environment={"MOTO_PORT": "5005"})
    wait_until(lambda: get(host_port(container, 5005), "/moto-api/")[0] == 200)


def test_relay_is_socat(run: Run, images: dict[str, ResolvedImage]) -> None:
    container = run(images["relay"].reference, ["tcp-listen:2375,fork,reuseaddr", "exec:/bin/cat"], ports=(2375,))
    port = host_port(container, 2375)

    def echoes() -> bool:
        with socket.create_connection(("127.0.0.1", port), timeout=5) as connection:
            connection.sendall(b"hello")
            connection.shutdown(socket.SHUT_WR)
            return connection.recv(16) == b"hello"

    wait_until(echoes)
    assert container.attrs["Config"]["Entrypoint"] == ["socat"]


def test_python_imports_ssl_and_sqlite(run: Run, images: dict[str, ResolvedImage]) -> None:
    for program in ("python", "python3"):
        container = run(images["python"].reference, [program, "-c", "import ssl, sqlite3; print('fine')"])
        assert container.wait(timeout=20)["StatusCode"] == 0, container.logs()
        assert container.logs() == b"fine\n"
