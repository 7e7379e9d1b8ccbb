"""What the guide's `mc` commands did, by the real `mc`: the loop that never ends, and the wrong key."""

from __future__ import annotations

import shlex

import pytest

from harness import Ended, Spec, World, catalogue_image, run_once

pytestmark = pytest.mark.engine

BUCKET = "sagemaker-sample-data-eu-west-1"
KEY = "algorithms/kmeans/mnist/mnist.pkl.gz"
FILE = "/dataset/mnist.pkl.gz"
CONTENT = b"as good as any digits"
BOUND = 3.0
"""Seconds that the guide's loop is given: enough for two rounds of it."""


@pytest.fixture
def bucket(world: World) -> str:
    if not world.s3().bucket_exists(BUCKET):
        world.s3().make_bucket(BUCKET)
    return BUCKET


def mc(world: World, script: str, timeout: float = 20, mounted: bool = True) -> Ended:
    """What became of a shell script in the container of `mc`, with the guide's data file in it unless not `mounted`."""
    spec = Spec(role="mc", image=catalogue_image(world.settings, "mc"), entrypoint=("/bin/sh", "-c"), command=(script,))
    return run_once(world.stack, spec, timeout=timeout, files={FILE: CONTENT} if mounted else None)


def signed_in(world: World, and_then: str) -> str:
    s3 = world.stack.minio.endpoint
    alias = ["mc", "alias", "set", "locals3", f"http://{s3.internal}", s3.access_key, s3.secret_key]
    return f"{shlex.join(alias)} && {and_then}"


def found(world: World, bucket: str) -> list[str]:
    return sorted(str(entry.object_name) for entry in world.s3().list_objects(bucket, recursive=True))


def test_the_guides_loop_is_stopped_by_its_bound_and_says_why(world: World, request: pytest.FixtureRequest) -> None:
    """`mc config` went in May 2025; the guide's loop takes any failure for a server that is not up yet."""
    s3 = world.stack.minio.endpoint
    host = f"mc config host add locals3 http://{s3.internal} {s3.access_key} {s3.secret_key}"

    ended = mc(world, f"while ! {host}; do echo 'MinIO not up and running yet'; sleep 1; done", timeout=BOUND)
    request.node.add_report_section("call", f"what the loop printed in {BOUND:g} s", ended.output)

    assert ended.exit_code is None, "the loop ended by itself"
    assert ended.output.count("MinIO not up and running yet") >= 2
    assert "mc: <ERROR> `config` is not a recognized command." in ended.output
    # The server was up all the while.
    assert mc(world, signed_in(world, "mc ls locals3")).exit_code == 0


def test_the_guides_copy_puts_the_object_under_the_wrong_key(world: World, bucket: str) -> None:
    """`--attr` gives metadata; the object's key is what follows the bucket in the target, else the file's name."""
    ended = mc(world, signed_in(world, f"mc cp --attr key={KEY} {FILE} locals3/{bucket}"))

    assert ended.exit_code == 0, ended.output
    assert found(world, bucket) == ["mnist.pkl.gz"], f"the chapter's DAGs look for {KEY}"
    metadata = world.s3().stat_object(bucket, "mnist.pkl.gz").metadata
    assert metadata is not None
    assert metadata["x-amz-meta-key"] == KEY


def test_without_the_data_mounted_the_guides_copy_says_what_is_missing(world: World, bucket: str) -> None:
    """The guide's container of `mc` had no folder mounted, which is why its copy never worked."""
    ended = mc(world, signed_in(world, f"mc cp --attr key={KEY} {FILE} locals3/{bucket}"), mounted=False)

    assert ended.exit_code == 1
    assert f"Requested path `{FILE}` not found" in ended.output
    assert found(world, bucket) == []


def test_the_right_form_puts_it_where_the_dags_look(world: World, bucket: str) -> None:
    ended = mc(world, signed_in(world, f"mc cp {FILE} locals3/{bucket}/{KEY}"))

    assert ended.exit_code == 0, ended.output
    assert found(world, bucket) == [KEY]
    assert world.read(bucket, KEY) == CONTENT
