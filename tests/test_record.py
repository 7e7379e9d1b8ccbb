"""The exact record that `--harness-evidence` writes of a run, because two sets of records are compared."""

from __future__ import annotations

import datetime as dt
import json
from pathlib import Path

from harness.airflow.facts import TaskResult
from harness.evidence.aws_state import AwsState
from harness.evidence.capped_waits import CappedWait
from harness.evidence.evidence import Evidence
from harness.evidence.objects import StoredObject
from harness.evidence.tables import TableRows
from harness.record import write_record
from harness.run import Run
from harness.services.sidecars import ContainerPastRelay, Sidecar

AT = dt.datetime(2026, 1, 2, 3, 4, 5, tzinfo=dt.UTC)
RUN = Run(
    dag_id="d",
    date="2021-01-01",
    state="failed",
    exit_code=1,
    tasks={"b": TaskResult("b", "failed", 2, 1.5, AT, AT), "a[0]": TaskResult("a[0]", "success", 1, 0.5, AT, AT)},
    xcoms={
        ("b", "return_value"): {"ResponseMetadata": {"RequestId": "x"}, "Name": "n", "TrainingTimeInSeconds": 3},
        ("a[0]", "return_value"): ["at 2026-01-02T03:04:05Z", 1, None],
        ("b", "decoded"): (AT, {"c", "a", "b"}, ("at 2026-01-02T03:04:05Z",)),
    },
    log="a log",
    seconds=2.5,
    failure="the run failed: b failed",
    dag_files={"d": "/d.py"},
    edges=(("a", "b"),),
    evidence=Evidence(
        objects={"data": {"z": StoredObject(3, "ab"), "k": StoredObject(2, "ef")}, "aside": {}},
        aws=AwsState(
            objects={"models": {"m": StoredObject(1, "cd")}},
            training_jobs={"j": {"TrainingJobStatus": "Completed"}},
            logs={"g": {"j/algo-1-1234567890": ["began 2021-01-01T00:00:00Z"]}},
            calls=[{"service": "sagemaker", "action": "CreateModel", "region": "r", "status": 200}] * 2,
        ),
        sidecars=(Sidecar("id", "name", "image:1", 7, "done 2026-01-02T03:04:05Z"),),
        warnings=("TIME a warning",),
        capped_waits=(CappedWait("b", "retry_delay", 300.0),),
        containers_past_relay=(ContainerPastRelay("i", "theirs", "busybox"),),
        tables={"shop.totals": TableRows(({"day": "2026-01-02T03:04:05", "n": 3},), 1)},
    ),
)
RECORD = {
    "dag_id": "d",
    "date": "2021-01-01",
    "state": "failed",
    "exit_code": 1,
    "failure": "the run failed: b failed",
    "tasks": {"a[0]": {"state": "success", "tries": 1}, "b": {"state": "failed", "tries": 2}},
    "xcoms": {
        "a[0]/return_value": ["at TIME", 1, None],
        "b/return_value": {"Name": "n"},
        "b/decoded": ["TIME", ["a", "b", "c"], ["at TIME"]],
    },
    "evidence": {
        "schema_version": 3,
        "objects": {"aside": {}, "data": {"k": {"size": 2, "sha256": "ef"}, "z": {"size": 3, "sha256": "ab"}}},
        "aws": {
            "objects": {"models": {"m": {"size": 1, "sha256": "cd"}}},
            "training_jobs": {"j": {"TrainingJobStatus": "Completed"}},
            "models": {},
            "endpoint_configs": {},
            "endpoints": {},
            "logs": {"g": {"j/algo-1-TIME": ["began TIME"]}},
            "calls": ["sagemaker CreateModel 200"],
        },
        "sidecars": [{"image": "image:1", "exit_code": 7, "output": "done TIME"}],
        "warnings": ["TIME a warning"],
        "capped_waits": [{"task": "b", "argument": "retry_delay", "from": 300.0, "to": 1.0}],
        "containers_past_relay": [{"image": "busybox", "name": "theirs"}],
        "tables": {
            "shop.totals": {
                "rows": [{"day": "2026-01-02T03:04:05", "n": 3}],
                "total": 1,
                "truncated": False,
                "unreadable": None,
            }
        },
    },
}


def test_a_record_contains_the_completed_runs(tmp_path: Path) -> None:
    refused = Run("d", "2021-01-01", refused="it is not in the dags folder")
    write_record(
        tmp_path, "scenarios/test_it.py::test_all[x y]", [refused, RUN], lambda text: text.replace("theirs", "***")
    )
    (file,) = tmp_path.iterdir()
    assert file.name == "scenarios-test_it.py-test_all-x-y.json"
    text = file.read_text()
    assert json.loads(text.replace("***", "theirs")) == [RECORD]
    assert text.count("***") == 1
