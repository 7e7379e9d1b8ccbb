"""The guide's `mc` commands, run with the real `mc`: an endless loop and a wrong key."""

from __future__ import annotations

import shlex

import pytest

from harness import ContainerResult, Spec, World, catalogue_image, run_container

pytestmark = pytest.mark.engine

BUCKET = "sagemaker-sample-data-eu-west-1"
KEY = "algorithms/kmeans/mnist/mnist.pkl.gz"
FILE = "/dataset/mnist.pkl.gz"
CONTENT = b"as good as any digits"
BOUND = 3.0
"""Timeout of the guide's loop in seconds, enough for two iterations."""


@pytest.fixture
def bucket(world: World) -> str:
    if not world.s3().bucket_exists(BUCKET):
        world.s3().make_bucket(BUCKET)
    return BUCKET


def run_mc(world: World, script: str, timeout: float = 20, mounted: bool = True) -> ContainerResult:
    """Run a shell script in a container of `mc`.

    `mounted`: whether the guide's data file is in the container.
    """
    spec = Spec(role="mc", image=catalogue_image(world.settings, "mc"), entrypoint=("/bin/sh", "-c"), command=(script,))
    return run_container(world.stack, spec, timeout=timeout, files={FILE: CONTENT} if mounted else None)


def with_alias(world: World, command: str) -> str:
    s3 = world.stack.minio.endpoint
    alias = ["mc", "alias", "set", "locals3", f"http://{s3.internal}", s3.access_key, s3.secret_key]
    return f"{shlex.join(alias)} && {command}"


def list_keys(world: World, bucket: str) -> list[str]:
    return sorted(str(entry.object_name) for entry in world.s3().list_objects(bucket, recursive=True))


def test_the_guides_loop_ends_by_timeout_and_prints_the_reason(world: World, request: pytest.FixtureRequest) -> None:
    """`mc config` went away in May 2025; the guide's loop takes any failure for a slow start."""
    s3 = world.stack.minio.endpoint
    host = f"mc config host add locals3 http://{s3.internal} {s3.access_key} {s3.secret_key}"

    ended = run_mc(world, f"while ! {host}; do echo 'MinIO not up and running yet'; sleep 1; done", timeout=BOUND)
    request.node.add_report_section("call", f"output of the loop in {BOUND:g} s", ended.output)

    assert ended.exit_code is None, "the loop ended before the timeout"
    assert ended.output.count("MinIO not up and running yet") >= 2
    assert "mc: <ERROR> `config` is not a recognized command." in ended.output
    # The server was up during the loop.
    assert run_mc(world, with_alias(world, "mc ls locals3")).exit_code == 0


def test_the_guides_copy_writes_the_wrong_key(world: World, bucket: str) -> None:
    """`--attr` sets metadata.

    The key is the target's path after the bucket, by default the file's name.
    """
    ended = run_mc(world, with_alias(world, f"mc cp --attr key={KEY} {FILE} locals3/{bucket}"))

    assert ended.exit_code == 0, ended.output
    assert list_keys(world, bucket) == ["mnist.pkl.gz"], f"the chapter's DAGs read {KEY}"
    metadata = world.s3().stat_object(bucket, "mnist.pkl.gz").metadata
    assert metadata is not None
    assert metadata["x-amz-meta-key"] == KEY


def test_the_guides_copy_without_the_data_file_is_an_error(world: World, bucket: str) -> None:
    """The guide's container of `mc` mounts no folder, so its copy never works."""
    ended = run_mc(world, with_alias(world, f"mc cp --attr key={KEY} {FILE} locals3/{bucket}"), mounted=False)

    assert ended.exit_code == 1
    assert f"Requested path `{FILE}` not found" in ended.output
    assert list_keys(world, bucket) == []


def test_a_copy_with_the_key_in_the_target_works(world: World, bucket: str) -> None:
    ended = run_mc(world, with_alias(world, f"mc cp {FILE} locals3/{bucket}/{KEY}"))

    assert ended.exit_code == 0, ended.output
    assert list_keys(world, bucket) == [KEY]
    assert world.read(bucket, KEY) == CONTENT
