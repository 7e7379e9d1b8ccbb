"""The DAG 01_s3_copy_object_fixed: write an object to MinIO and copy it."""

from __future__ import annotations

import pytest

from harness import World

DAG = "01_s3_copy_object_fixed"


@pytest.mark.parametrize("times", [1, 2], ids=["once", "the same date twice"])
def test_a_run_writes_both_objects(world: World, times: int) -> None:
    for _ in range(times):
        world.run(DAG, "2021-03-04")

    # The DAG's keys begin with a slash, which MinIO drops. AWS and moto keep the slash.
    slash = "" if world.stack.minio.server() == "MinIO" else "/"
    assert world.keys("data") == [f"{slash}data/2021-03-04.json"]
    assert world.keys("data-backup") == [f"{slash}data-backup/2021-03-04-backup.json"]
    for bucket in ("data", "data-backup"):
        (key,) = world.keys(bucket)
        assert world.read(bucket, key) == b"2021-03-04", "ten bytes, not JSON despite the name"


@pytest.mark.fresh_later
def test_each_date_has_its_own_objects(world: World) -> None:
    for date in ("2021-03-04", "2021-03-05"):
        world.run(DAG, date)

    assert len(world.keys("data")) == len(world.keys("data-backup")) == 2
