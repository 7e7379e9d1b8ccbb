"""The DAG RUN_FIRST_setup_env: upload the sample data, and add the connection aws_conn."""

from __future__ import annotations

import hashlib
import json
from pathlib import Path

import pytest

from harness import World
from scenarios.account import SOURCE_BUCKET, SOURCE_KEY
from scenarios.digits import Digits, pack
from scenarios.logs import log_has

DAG = "RUN_FIRST_setup_env"
DATE = "2021-03-04"


@pytest.mark.fresh_later
def test_a_second_run_changes_nothing(world: World, digits: Digits, tmp_path: Path) -> None:
    dataset = tmp_path / "mnist.pkl.gz"
    dataset.write_bytes(pack(digits))

    with world.metadata() as database:
        for _ in range(2):
            world.run(DAG, DATE, environment={"DIGITS_DATASET": str(dataset)})
            rows = database.execute("SELECT conn_id, conn_type, login FROM connection").fetchall()
            assert rows == [("aws_conn", "aws", "testing")]

    assert world.keys(SOURCE_BUCKET) == [SOURCE_KEY]
    assert world.evidence.objects[SOURCE_BUCKET][SOURCE_KEY].sha256 == hashlib.sha256(pack(digits)).hexdigest()


@pytest.mark.fresh_later
def test_a_connection_in_json_is_added(world: World, digits: Digits, tmp_path: Path) -> None:
    dataset = tmp_path / "mnist.pkl.gz"
    dataset.write_bytes(pack(digits))
    extra = {"region_name": "eu-west-1", "endpoint_url": world.aws.url}
    as_json = json.dumps({"conn_type": "aws", "login": "me", "password": "a+secret/of=mine", "extra": extra})

    with world.metadata() as database:
        run = world.run(DAG, DATE, connections={"aws_conn": as_json}, environment={"DIGITS_DATASET": str(dataset)})
        rows = database.execute("SELECT conn_id, conn_type, login FROM connection").fetchall()

    assert rows == [("aws_conn", "aws", "me")]
    assert "a+secret/of=mine" not in run.log


def test_a_missing_file_fails_the_run(world: World, tmp_path: Path) -> None:
    missing = tmp_path / "mnist.pkl.gz"

    run = world.run(DAG, DATE, environment={"DIGITS_DATASET": str(missing)}, expect="failure")

    assert run.tasks["upload_resource"].state == "failed"
    assert log_has(run.log, f"File not found: {missing}")
    assert world.keys(SOURCE_BUCKET) == []
