"""Built or pulled, an image does what the official one does: entrypoint, variables, ports, data paths."""

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

from harness.images.build import ask
from harness.images.catalogue import BUILT_IN, catalogue
from harness.images.obtain import Obtained, obtain
from harness.settings import Settings
from tests.images.support import Run, host_port, until

pytestmark = pytest.mark.engine


@pytest.fixture(scope="module")
def obtained(engine: docker.DockerClient, own_settings: Settings) -> dict[str, Obtained]:
    return {name: obtain(engine, own_settings, name) for name in BUILT_IN}


def test_a_second_start_builds_and_pulls_nothing(
    engine: docker.DockerClient, own_settings: Settings, obtained: dict[str, Obtained]
) -> None:
    class Loud:
        def step(self, image: str, text: str) -> None:
            raise AssertionError(f"{image}: {text}")

    again = {name: obtain(engine, own_settings, name, Loud()) for name in BUILT_IN}
    assert again == obtained


def test_every_image_says_where_it_came_from_and_what_it_is(obtained: dict[str, Obtained]) -> None:
    for image in obtained.values():
        assert image.origin.startswith(("built: ", "pulled", "present"))
        assert image.version
        assert image.size > 1_000_000


def test_built_images_hold_nothing_of_this_machines_python(
    engine: docker.DockerClient, obtained: dict[str, Obtained]
) -> None:
    if not obtained["aws"].origin.startswith("built"):
        pytest.skip("the image was pulled")
    search = ("sh", "-c", f"grep -rl {sys.executable} /opt/packages | head -3")
    assert ask(engine, obtained["aws"].reference, search, "aws") == ""


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
        self, run: Run, obtained: dict[str, Obtained], tmp_path: Path
    ) -> None:
        (tmp_path / "1.sql").write_text("CREATE TABLE seen (what text); INSERT INTO seen VALUES ('sql');")
        (tmp_path / "2.sql.gz").write_bytes(gzip.compress(b"INSERT INTO seen VALUES ('gz');"))
        script = tmp_path / "3.sh"
        insert = 'psql -v ON_ERROR_STOP=1 -U "$POSTGRES_USER" -d "$POSTGRES_DB" -c "INSERT INTO seen VALUES'
        script.write_text(f"#!/bin/bash\nset -e\n{insert} ('executed')\"\n")
        script.chmod(0o755)
        (tmp_path / "4.sh").write_text(f"{insert} ('sourced')\"\n")
        (tmp_path / "4.sh").chmod(0o644)
        (tmp_path / "5.txt").write_text("not for postgres")
        tmp_path.chmod(0o755)
        volumes = {str(tmp_path): {"bind": "/docker-entrypoint-initdb.d", "mode": "ro"}}
        container = run(obtained["postgres"].reference, ports=(5432,), environment=self.ENVIRONMENT, volumes=volumes)

        def seen() -> list[str]:
            with self.connect(container) as connection:
                return [str(row[0]) for row in connection.execute("SELECT what FROM seen")]

        until(lambda: seen())
        # The very first answer has it all: the server listens only when the files are done.
        assert seen() == ["sql", "gz", "executed", "sourced"]
        container.restart(timeout=10)
        container.reload()
        until(lambda: seen())
        assert seen() == ["sql", "gz", "executed", "sourced"]

    def test_user_password_encoding_zone_and_tools(self, run: Run, obtained: dict[str, Obtained]) -> None:
        container = run(obtained["postgres"].reference, ports=(5432,), environment=self.ENVIRONMENT)
        until(lambda: self.connect(container).close() is None)
        with self.connect(container) as connection:

            def one(sql: str) -> object:
                row = connection.execute(sql).fetchone()
                assert row
                return row[0]

            assert str(one("SHOW server_version")).startswith("17")
            assert one("SHOW server_encoding") == "UTF8"
            assert one("SELECT datcollate FROM pg_database WHERE datname = current_database()") == "en_US.utf8"
            connection.execute("SET timezone = 'Europe/Amsterdam'")
            assert str(one("SELECT '2020-07-01 00:00Z'::timestamptz::text")) == "2020-07-01 02:00:00+02"
            assert one("SELECT rolsuper FROM pg_roles WHERE rolname = 'anna'") is True
            assert one("SHOW data_directory") == "/var/lib/postgresql/data"
            assert one("SHOW password_encryption") == "scram-sha-256"
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

    def test_arguments_reach_initdb_and_the_server(self, run: Run, obtained: dict[str, Obtained]) -> None:
        environment = {**self.ENVIRONMENT, "POSTGRES_INITDB_ARGS": "--locale=C --encoding=UTF8 --wal-segsize=4"}
        container = run(
            obtained["postgres"].reference,
            ["-c", "max_connections=17"],
            ports=(5432,),
            environment=environment,
        )
        until(lambda: self.connect(container).close() is None)
        with self.connect(container) as connection:
            assert connection.execute("SHOW max_connections").fetchone() == ("17",)
            assert connection.execute("SHOW wal_segment_size").fetchone() == ("4MB",)
            assert connection.execute("SELECT datcollate FROM pg_database LIMIT 1").fetchone() == ("C",)

    def test_without_a_password_it_refuses(self, run: Run, obtained: dict[str, Obtained]) -> None:
        container = run(obtained["postgres"].reference)
        assert container.wait(timeout=20)["StatusCode"] == 1
        assert b"POSTGRES_PASSWORD" in container.logs()

    def test_a_failing_init_file_fails_the_start(self, run: Run, obtained: dict[str, Obtained], tmp_path: Path) -> None:
        (tmp_path / "1.sql").write_text("SELECT * FROM nowhere;")
        tmp_path.chmod(0o755)
        volumes = {str(tmp_path): {"bind": "/docker-entrypoint-initdb.d", "mode": "ro"}}
        container = run(obtained["postgres"].reference, environment=self.ENVIRONMENT, volumes=volumes)
        assert container.wait(timeout=20)["StatusCode"] != 0
        assert b'relation "nowhere" does not exist' in container.logs()


class TestMinio:
    def test_it_reports_its_release_and_takes_the_root_user(
        self, run: Run, obtained: dict[str, Obtained], own_settings: Settings
    ) -> None:
        release = catalogue(own_settings)["minio"].release
        secret = {"MINIO_ROOT_USER": "anna", "MINIO_ROOT_PASSWORD": "password"}
        container = run(
            obtained["minio"].reference,
            ["server", "/data", "--console-address", ":9001"],
            ports=(9000, 9001),
            environment=secret,
        )
        port, console = host_port(container, 9000), host_port(container, 9001)
        until(lambda: get(port, "/minio/health/live")[0] == 200)
        until(lambda: get(console, "/")[0] == 200)
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
        # The server itself, not only its command line: it says so where its log starts.
        until(lambda: f"Version: {release} ".encode() in container.logs())
        assert container.exec_run(["ls", "/data"])[1].split() == [b"inside-airbnb"]
        assert [mount["Destination"] for mount in container.attrs["Mounts"]] == ["/data"]

    @pytest.mark.parametrize("command", [["minio", "--version"], ["--version"]])
    def test_the_command_may_leave_its_name_out(
        self, run: Run, obtained: dict[str, Obtained], command: list[str]
    ) -> None:
        container = run(obtained["minio"].reference, command)
        assert container.wait(timeout=20)["StatusCode"] == 0
        assert container.logs().startswith(b"minio version ")


class TestMc:
    def test_it_reports_its_release(self, run: Run, obtained: dict[str, Obtained], own_settings: Settings) -> None:
        container = run(obtained["mc"].reference, ["--version"])
        assert container.wait(timeout=20)["StatusCode"] == 0
        release = catalogue(own_settings)["mc"].release
        assert container.logs().decode().startswith(f"mc version {release} (commit-id=")

    def test_it_has_a_shell_for_the_usual_scripts(self, run: Run, obtained: dict[str, Obtained]) -> None:
        container = run(obtained["mc"].reference, ["-c", "mc alias list local"], entrypoint=["/bin/sh"])
        assert container.wait(timeout=20)["StatusCode"] == 0
        assert b"http://localhost:9000" in container.logs()


class TestAirflow:
    def test_it_runs_as_its_user(self, run: Run, obtained: dict[str, Obtained]) -> None:
        script = (
            'id -un; id -u; id -g; pwd; echo "$AIRFLOW_HOME"; touch /opt/airflow/x /opt/airflow/dags/x && echo writes'
        )
        container = run(obtained["airflow"].reference, ["bash", "-c", script])
        assert container.wait(timeout=20)["StatusCode"] == 0, container.logs()
        told = container.logs().decode().split()
        assert told == ["airflow", "50000", "0", "/opt/airflow", "/opt/airflow", "writes"]

    @pytest.mark.parametrize("command", [["version"], ["airflow", "version"]])
    def test_the_command_may_leave_its_name_out(
        self, run: Run, obtained: dict[str, Obtained], command: list[str]
    ) -> None:
        container = run(obtained["airflow"].reference, command)
        assert container.wait(timeout=60)["StatusCode"] == 0, container.logs()
        assert container.logs().decode().splitlines()[-1] == obtained["airflow"].version.partition("-")[0]

    def test_the_providers_that_the_dags_need_are_in_it(self, run: Run, obtained: dict[str, Obtained]) -> None:
        imports = "; ".join(
            f"import airflow.providers.{name}"
            for name in ("amazon.aws.hooks.s3", "docker.operators.docker", "postgres.hooks.postgres")
        )
        container = run(obtained["airflow"].reference, ["python3", "-c", imports])
        assert container.wait(timeout=60)["StatusCode"] == 0, container.logs()


def get(port: int, path: str) -> tuple[int, bytes]:
    connection = http.client.HTTPConnection("127.0.0.1", port, timeout=5)
    try:
        connection.request("GET", path)
        answer = connection.getresponse()
        return answer.status, answer.read()
    finally:
        connection.close()


def test_aws_answers(run: Run, obtained: dict[str, Obtained]) -> None:
    container = run(obtained["aws"].reference, ports=(5000,))
    port = host_port(container, 5000)
    until(lambda: get(port, "/moto-api/")[0] == 200)
    sts = boto3.client(
        "sts",
        endpoint_url=f"http://127.0.0.1:{port}",
        aws_access_key_id="any",
        aws_secret_access_key="any",
        region_name="us-east-1",
    )
    assert sts.get_caller_identity()["Account"] == "123456789012"
    assert isinstance(json.loads(get(port, "/moto-api/data.json")[1]), dict)


def test_aws_takes_another_port(run: Run, obtained: dict[str, Obtained]) -> None:
    container = run(obtained["aws"].reference, ports=(5005,), environment={"MOTO_PORT": "5005"})
    until(lambda: get(host_port(container, 5005), "/moto-api/")[0] == 200)


def test_relay_is_socat(run: Run, obtained: dict[str, Obtained]) -> None:
    container = run(obtained["relay"].reference, ["tcp-listen:2375,fork,reuseaddr", "exec:/bin/cat"], ports=(2375,))
    port = host_port(container, 2375)

    def echoed() -> bool:
        with socket.create_connection(("127.0.0.1", port), timeout=5) as connection:
            connection.sendall(b"hello")
            connection.shutdown(socket.SHUT_WR)
            return connection.recv(16) == b"hello"

    until(echoed)
    assert container.attrs["Config"]["Entrypoint"] == ["socat"]


def test_python_runs(run: Run, obtained: dict[str, Obtained]) -> None:
    for program in ("python", "python3"):
        container = run(obtained["python"].reference, [program, "-c", "import ssl, sqlite3; print('fine')"])
        assert container.wait(timeout=20)["StatusCode"] == 0, container.logs()
        assert container.logs() == b"fine\n"
