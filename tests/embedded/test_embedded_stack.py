"""The embedded stack: Postgres, AWS mock and S3, on loopback only, reset and reused."""

from __future__ import annotations

import io
import json
import os
import shutil
import socket
import tarfile
from collections.abc import Iterator
from contextlib import ExitStack
from pathlib import Path

import psycopg
import pytest
from minio.commonconfig import ENABLED
from minio.versioningconfig import VersioningConfig

from harness.engine import connect
from harness.errors import ServiceError
from harness.images.resolve import resolve_image
from harness.services.embedded.postgres import _programs
from harness.services.embedded.processes import PREFIX
from harness.services.embedded.stack import NO_IMAGES, NO_MINIO, embedded_stack, end_embedded_stacks
from harness.services.selection import remove_kept
from harness.services.session import ServiceSession, new_run
from harness.services.stack import Stack
from harness.settings import Settings
from tests.services.changes import BEYOND_BUCKETS, KEYS, change_aws, change_buckets, change_moto, change_postgres
from tests.services.inventory import of_aws, of_minio, of_moto, of_postgres

SCHEMA = {"rows": "CREATE TABLE seen (n int)"}


def settings(root: Path) -> Settings:
    return Settings(root=root, region="eu-west-1", buckets=("first", "second"))


@pytest.fixture
def no_minio(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(shutil, "which", lambda program: None)


@pytest.fixture(scope="module")
def own(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Stack]:
    root = tmp_path_factory.mktemp("project")
    with ExitStack() as scope:
        with pytest.MonkeyPatch.context() as patch:
            patch.setattr(shutil, "which", lambda program: None)
            stack = scope.enter_context(embedded_stack(ServiceSession(root, new_run()), settings(root), SCHEMA))
        yield stack


def buckets(stack: Stack) -> dict[str, list[str | None]]:
    client = stack.minio.client()
    return {
        bucket.name: [entry.object_name for entry in client.list_objects(bucket.name)]
        for bucket in client.list_buckets()
    }


def test_everything_answers(own: Stack) -> None:
    with own.postgres.connect("rows") as connection:
        assert connection.execute("SELECT count(*) FROM seen").fetchone() == (0,)
        version = connection.execute("SELECT version()").fetchone()
    assert version is not None
    assert version[0].startswith("PostgreSQL 18.")
    assert buckets(own) == {"first": [], "second": []}
    assert own.aws.client("sts").get_caller_identity()["Account"] == "123456789012"
    assert own.remarks == (NO_MINIO,)
    assert own.minio.version().startswith("moto ")
    assert own.relay.list_containers().sidecars == ()
    assert set(own.seconds) == {"minio", "postgres", "aws"}, "there is no relay to start"
    assert own.stack_id == f"{own.session_id}-0"


def test_a_reset_stack_equals_a_fresh_one(own: Stack) -> None:
    own.reset()
    fresh = (of_moto(own.minio.endpoint.url), of_postgres(own.postgres, "rows", "seen"), of_aws(own))
    own.reset()
    change_moto(own.minio.endpoint.url)
    own.minio.client().set_bucket_versioning("first", VersioningConfig(ENABLED))
    own.minio.client().put_object("first", "left", io.BytesIO(b"x"), 1)
    own.minio.client().make_bucket("more", object_lock=True)
    sessions = change_postgres(own.postgres, "rows", "seen")
    change_aws(own)
    changed = (of_moto(own.minio.endpoint.url), None, of_aws(own))
    assert all(after != before for after, before in zip(changed, fresh, strict=True))

    own.reset()

    assert buckets(own) == {"first": [], "second": []}
    assert (of_moto(own.minio.endpoint.url), of_postgres(own.postgres, "rows", "seen"), of_aws(own)) == fresh
    for session in sessions:
        session.close()


def test_minio_and_the_aws_mock_share_no_buckets(own: Stack) -> None:
    own.minio.client().put_object("first", "only-here", io.BytesIO(b"x"), 1)
    assert own.aws.client("s3").list_buckets()["Buckets"] == []


def test_the_whole_state_of_the_aws_mock_has_contents_and_resources(own: Stack) -> None:
    own.reset()
    s3, sqs, glue, stacks = (own.aws.client(name) for name in ("s3", "sqs", "glue", "cloudformation"))
    s3.create_bucket(Bucket="models", CreateBucketConfiguration={"LocationConstraint": "eu-west-1"})
    s3.put_object(Bucket="models", Key="k", Body=b"x", ContentType="text/plain", Metadata={"who": "me"}, Tagging="a=b")
    queue = sqs.create_queue(QueueName="q")["QueueUrl"]
    sqs.send_message(QueueUrl=queue, MessageBody="hello")
    glue.create_database(DatabaseInput={"Name": "db", "Description": "for tests"})
    topic = {"Type": "AWS::SNS::Topic", "Properties": {"TopicName": "t"}}
    stacks.create_stack(StackName="st", TemplateBody=json.dumps({"Resources": {"topic": topic}}))
    state = own.aws.state(whole=True)
    stored = state["objects"]["models"]["k"]
    assert (stored["content"], stored["tags"]) == ("eA==", {"a": "b"})
    assert {"content-type": "text/plain", "x-amz-meta-who": "me"}.items() <= stored["headers"].items()
    assert state["resources"].keys() == {"cloudformation/stacks", "glue/databases", "sns/topics", "sqs/queues"}
    assert [stack["name"] for stack in state["resources"]["cloudformation/stacks"].values()] == ["st"]
    assert state["resources"]["sqs/queues"]["q"]["messages"] == ["hello"]
    assert state["resources"]["glue/databases"]["db"]["input"] == {"Name": "db", "Description": "for tests"}
    assert "content" not in own.aws.state()["objects"]["models"]["k"]
    assert own.aws.version().startswith("moto ")
    own.reset()
    assert own.aws.state(whole=True)["resources"] == {}


def test_a_database_can_be_dumped_and_restored(own: Stack) -> None:
    archive = own.postgres.dump("rows")
    own.postgres.restore("copy", archive)
    with psycopg.connect(own.postgres.url("copy")) as connection:
        assert connection.execute("SELECT count(*) FROM seen").fetchone() == (0,)
    own.postgres.drop("copy")
    with pytest.raises(ServiceError, match=r"pg_dump failed in the postgres service: .*no-such"):
        own.postgres.dump("no-such")


def test_a_password_is_required_and_masked(own: Stack) -> None:
    url = own.postgres.url("rows")
    password = url.split(":")[2].split("@")[0]
    with pytest.raises(psycopg.OperationalError, match="password authentication failed"):
        psycopg.connect(url.replace(password, "guessed"))
    assert password not in own.mask(url)


def test_only_loopback_can_reach_it(own: Stack) -> None:
    """Each port is bound to 127.0.0.1, and no other address of this machine."""
    ports = [int(url.split(":")[-1].split("/")[0]) for url in (own.minio.endpoint.url, own.aws.url)]
    with own.postgres.connect("rows") as connection:
        ports.append(connection.info.port)
    others = {info[4][0] for info in socket.getaddrinfo(socket.gethostname(), None, socket.AF_INET)} - {"127.0.0.1"}
    for port in ports:
        socket.create_connection(("127.0.0.1", port), timeout=5).close()
        for address in others | {"127.0.0.2"}:
            with pytest.raises(OSError, match="refused"):
                socket.create_connection((str(address), port), timeout=5)


def test_services_have_logs(own: Stack) -> None:
    with pytest.raises(psycopg.OperationalError):
        psycopg.connect(own.postgres.url("not-here"))
    assert 'database "not-here" does not exist' in own.postgres.log_tail(50)
    assert "/mock/" in own.aws.log_tail(2000)


def test_a_kept_stack_is_reset_reused_and_removed(tmp_path: Path, no_minio: None) -> None:
    session = ServiceSession(tmp_path, None)
    with embedded_stack(session, settings(tmp_path), SCHEMA) as stack:
        first = stack.aws.url
        stack.minio.client().put_object("first", "left", io.BytesIO(b"x"), 1)
        with pytest.raises(ServiceError, match="a test run is using the kept services"):
            remove_kept(tmp_path)

    with embedded_stack(ServiceSession(tmp_path, None), settings(tmp_path), SCHEMA) as stack:
        assert stack.aws.url == first
        assert buckets(stack) == {"first": [], "second": []}
    with embedded_stack(ServiceSession(tmp_path, None), settings(tmp_path), {"other": "SELECT 1"}) as stack:
        assert stack.aws.url != first, "a stack that does not fit is replaced"
        folder = stack.postgres._server.ident

    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("DOCKER_HOST", "tcp://127.0.0.1:9")  # Removal needs no engine.
        assert remove_kept(tmp_path) == {"embedded stack": 1}
        assert not Path(folder).exists()
        assert remove_kept(tmp_path) == {}


def test_a_failed_start_leaves_nothing(
    tmp_path: Path, tmp_path_factory: pytest.TempPathFactory, no_minio: None, monkeypatch: pytest.MonkeyPatch
) -> None:
    place = tmp_path_factory.mktemp("place")
    for parent in (place, *place.parents[:3]):  # If this is root, Postgres runs as another user.
        parent.chmod(parent.stat().st_mode | 0o011)
    folders: list[Path] = []

    def fail(folder: Path) -> Stack:
        folders.extend(folder.glob(f"{PREFIX}*"))
        raise ServiceError("failure of the test")

    monkeypatch.setattr("harness.services.embedded.processes._fast_folder", lambda: str(place))
    monkeypatch.setattr("harness.services.embedded.stack._describe", lambda *parts: fail(place))
    with pytest.raises(ServiceError, match="failure of the test"), ExitStack() as scope:
        scope.enter_context(embedded_stack(ServiceSession(tmp_path, None), settings(tmp_path), SCHEMA))
    assert len(folders) == 1, "everything was started"
    assert not folders[0].exists()
    assert not list(ServiceSession(tmp_path, None).folder.glob("*.json"))


def test_programs_that_another_user_cant_reach_are_copied(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """An example is an environment below /root."""
    hidden = tmp_path / "hidden"
    hidden.mkdir()
    package = _programs(tmp_path, None).parents[1]
    shutil.copytree(package, hidden / package.name, ignore=shutil.ignore_patterns("include", "share"))
    hidden.chmod(0o700)
    monkeypatch.syspath_prepend(hidden)
    folder = tmp_path / "stack"
    folder.mkdir()
    assert _programs(folder, "nobody") == folder / "programs" / package.name / "pginstall" / "bin"
    assert (_programs(folder, "nobody") / "postgres").exists()
    assert _programs(folder, None) == hidden / package.name / "pginstall" / "bin"


@pytest.mark.engine
def test_a_minio_program_on_the_path_is_used(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, settings_of_project: Settings
) -> None:
    client = connect()
    image = resolve_image(client, settings_of_project, "minio")
    container = client.containers.create(image.reference)
    try:
        stream, _ = container.get_archive("/usr/bin/minio")
        with tarfile.open(fileobj=io.BytesIO(b"".join(stream))) as tar:
            tar.extractall(tmp_path / "bin", filter="data")
    finally:
        container.remove(v=True)
    monkeypatch.setenv("PATH", f"{tmp_path / 'bin'}{os.pathsep}{os.environ['PATH']}")

    with_image = settings(tmp_path).model_copy(update={"image_overrides": {"minio": "own/minio:1"}})
    with embedded_stack(ServiceSession(tmp_path, None), with_image, {}) as stack:
        try:
            assert stack.remarks == (f"{NO_IMAGES} (minio)",)
            assert stack.minio.server() == "MinIO"
            assert stack.minio.version() == image.version
            fresh, endpoint = of_minio(stack.minio, KEYS), stack.minio.endpoint
            assert set(fresh["buckets"]) == {"first", "second"}
            change_buckets(stack.minio, "first", "second")

            stack.minio.reset()

            assert of_minio(stack.minio, KEYS) == fresh
            BEYOND_BUCKETS["compliance"](stack.minio)
            BEYOND_BUCKETS["user"](stack.minio)
        except BaseException:
            end_embedded_stacks(ServiceSession(tmp_path, None))
            raise
    try:
        # This process attaches and resets without a supervisor that could start processes.
        with embedded_stack(ServiceSession(tmp_path, None), with_image, {}) as stack:
            assert stack.minio.endpoint == endpoint
            assert of_minio(stack.minio, KEYS) == fresh
    finally:
        end_embedded_stacks(ServiceSession(tmp_path, None))


@pytest.fixture
def settings_of_project(pytestconfig: pytest.Config) -> Settings:
    return Settings.load(pytestconfig.rootpath, ("minio",))
