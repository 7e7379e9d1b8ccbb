"""The exact documents that `--harness-evidence` writes, because two sets of them are compared."""

from __future__ import annotations

import datetime as dt
import io
import json
import re
from base64 import b64encode
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from harness.airflow.facts import TaskResult
from harness.errors import RunError
from harness.evidence.capped_waits import CappedWait
from harness.evidence.contents import LARGEST_CONTENT, describe_object, encode_content
from harness.evidence.document import (
    FOLDER_FILE,
    FolderDocument,
    RunDocument,
    ScenarioDocument,
    Versions,
    WarningDocument,
)
from harness.evidence.evidence import Evidence
from harness.evidence.normalise import Normaliser
from harness.evidence.objects import GatheredObject, StoredObject
from harness.evidence.tables import TableRows
from harness.record.build import RecordedRun, build_run
from harness.record.folder import complete_evidence, summarise_error
from harness.record.write import UNFINISHED, format_json, scenario_file, write_scenario
from harness.run import Run
from harness.services.sidecars import ContainerPastRelay, Sidecar
from harness.shown_text import hide_secrets, shown_text

NOW = "2026-01-02T03:04:05Z"
AT = dt.datetime(2026, 1, 2, 3, 4, 5, tzinfo=dt.UTC)
DATE = dt.datetime(2021, 1, 1, tzinfo=dt.UTC)
VERSIONS = Versions(harness="1")
SECRET = "0123456789abcdef0123"
RUN = Run(
    dag_id="d",
    date="2021-01-01",
    state="failed",
    exit_code=1,
    tasks={
        "b": TaskResult("b", "failed", 2, 1.5, AT, AT, "PythonOperator", {"op_kwargs": {"ts": str(DATE)}}),
        "a[0]": TaskResult("a[0]", "success", 1, 0.5, AT - dt.timedelta(1), AT, "BashOperator"),
        "c": TaskResult("c", "upstream_failed", 0, None),
    },
    xcoms={
        ("b", "return_value"): {"ResponseMetadata": {"RequestId": "x"}, "Name": "n", "TrainingTimeInSeconds": 3},
        ("a[0]", "return_value"): [f"at {NOW}", 1, None],
        ("b", "decoded"): (DATE, {"c", "a", "b"}, (f"at {NOW}", SECRET)),
    },
    log="a log",
    seconds=2.5,
    failure="the run failed: b failed",
    dag_files={"d": "/d.py"},
    run_type="manual",
    logical_date=DATE,
    data_interval=(DATE - dt.timedelta(days=1), DATE),
    evidence=Evidence(
        sidecars=(Sidecar("id", "name", "image:1", 7, f"done {NOW}"),),
        capped_waits=(CappedWait("b", "retry_delay", 300.0),),
        containers_past_relay=(ContainerPastRelay("i", "theirs", "busybox"),),
        tables={"shop.totals": TableRows(({"day": NOW, "n": 3},), 1)},
    ),
)
NO_AWS: dict[str, Any] = {"objects": {}, "sagemaker": {}, "logs": {}, "calls": []}
SAGEMAKER: dict[str, Any] = {"training_jobs": {}, "models": {}, "endpoint_configs": {}, "endpoints": {}}


def call(action: str, **rest: Any) -> dict[str, Any]:
    return {"service": "sagemaker", "action": action, "region": "r", "status": 200, **rest}


AWS: dict[str, Any] = {
    "objects": {
        "models": {"m": {"size": 1, "sha256": "cd", "content": b64encode(b"m").decode(), "headers": {}, "tags": {}}}
    },
    "sagemaker": {**SAGEMAKER, "training_jobs": {"j": {"TrainingJobStatus": "Completed"}}},
    "resources": {"sqs/queues": {"q": {"name": "q", "id": "01a20607-6795-7a78-9b77-84fd53d8999f"}}},
    "logs": {"g": {"j/algo-1-1234567890": [f"began {NOW}"]}},
    "calls": [call("Describe"), call("Create", parameters={"Name": "n", "At": NOW}), call("Describe")],
}
DOCUMENT = {
    "dag_id": "d",
    "date": "2021-01-01",
    "refused": None,
    "state": "failed",
    "exit_code": 1,
    "failure": "the run failed: b failed",
    "run_type": "manual",
    "interval": {
        "logical_date": "2021-01-01T00:00:00+00:00",
        "start": "2020-12-31T00:00:00+00:00",
        "end": "2021-01-01T00:00:00+00:00",
    },
    "schedule": None,
    "tasks": {
        "a[0]": {"state": "success", "tries": 1, "operator": "BashOperator", "rendered": {}, "exception": None},
        "b": {
            "state": "failed",
            "tries": 2,
            "operator": "PythonOperator",
            "rendered": {"op_kwargs": {"ts": "2021-01-01 00:00:00+00:00"}},
            "exception": None,
        },
        "c": {"state": "upstream_failed", "tries": 0, "operator": None, "rendered": {}, "exception": None},
    },
    "order": ["a[0]", "b"],
    "xcoms": {
        "a[0]": {"return_value": ["at TIME", 1, None]},
        "b": {
            "decoded": ["2021-01-01 00:00:00+00:00", ["a", "b", "c"], ["at TIME", "***"]],
            "return_value": {"Name": "n"},
        },
    },
    "objects": {
        "aside": {},
        "data": {
            "k": {
                "size": 2,
                "sha256": "ef",
                "content_type": None,
                "metadata": {},
                "tags": {},
                "text": "42",
                "base64": None,
                "table": None,
            }
        },
    },
    "aws": {
        "objects": {
            "models": {
                "m": {
                    "size": 1,
                    "sha256": "cd",
                    "content_type": None,
                    "metadata": {},
                    "tags": {},
                    "text": "m",
                    "base64": None,
                    "table": None,
                }
            }
        },
        "resources": {
            "sagemaker/training_jobs": {"j": {"TrainingJobStatus": "Completed"}},
            "sqs/queues": {"q": {"name": "q", "id": "UUID"}},
        },
        "logs": {"g": {"j/algo-1-TIME": ["began TIME"]}},
        "calls": [
            {
                "service": "sagemaker",
                "action": "Create",
                "status": 200,
                "parameters": {"Name": "n", "At": "TIME"},
                "error": None,
            },
            {"service": "sagemaker", "action": "Describe", "status": 200, "parameters": None, "error": None},
        ],
    },
    "tables": {
        "shop.totals": {
            "rows": [{"day": NOW, "n": 3}],
            "total": 1,
            "truncated": False,
            "rest_digest": None,
            "unreadable": None,
        }
    },
    "sidecars": [{"image": "image:1", "exit_code": 7, "output": "done TIME"}],
    "warnings": [],
    "containers_past_relay": ["busybox theirs"],
    "capped_waits": [{"task": "b", "argument": "retry_delay", "declared": 300.0, "used": 1.0}],
}


def show(text: str) -> str:
    return shown_text(text, [SECRET])


def hide(text: str) -> str:
    return hide_secrets(text, [SECRET])


def build(run: Run = RUN, aws: dict[str, Any] = AWS) -> RecordedRun:
    document, incomplete = describe_object(2, "ef", io.BytesIO(b"42"), {}, {}, "k", hide)
    objects = {"data": {"k": GatheredObject(StoredObject(2, "ef"), document, incomplete)}, "aside": {}}
    return build_run(run, objects, aws, (), Normaliser(today=AT.date(), show=show), show, hide)


def test_the_document_of_a_run() -> None:
    recorded = build()
    assert recorded.incomplete == ()
    assert recorded.run.model_dump(mode="json") == DOCUMENT


def test_tables_that_are_not_compared_make_the_evidence_incomplete() -> None:
    tables = {
        "shop.gone": TableRows(unreadable=f"no table {SECRET}"),
        "shop.large": TableRows(({"n": 1}, {"n": 2}), 9, truncated=True),
        "shop.whole": TableRows(({"n": 1}, {"n": 2}), 9, truncated=True, rest_digest="ab"),
    }
    assert build(replace(RUN, evidence=Evidence(tables=tables))).incomplete == (
        "watched table shop.gone: no table ***",
        "watched table shop.large: the rows beyond the first 2 of 9 can't be read in a minute",
    )


@pytest.mark.parametrize("line", ["2.11", "3.3"])
def test_a_failed_task_has_the_exception_of_its_newest_attempt(line: str) -> None:
    log = (Path(__file__).parent / "report" / "logs" / f"airflow-{line}.txt").read_text()
    names = {"good": "success", "bad": "failed", "group.mapped[1]": "failed", "gone": "failed"}
    tasks = {name: TaskResult(name, state, 1, 1.0, AT, AT) for name, state in names.items()}
    found = build(replace(RUN, tasks=tasks, xcoms={}, log=log)).run.tasks
    assert {name: one.exception for name, one in found.items()} == {
        "good": None,
        "bad": "RuntimeError: attempt 2 is broken",
        "group.mapped[1]": "ValueError: two is bad",
        "gone": None,
    }


def test_the_exception_of_a_task_is_masked_normalised_and_cut() -> None:
    lines = ["[DAG TEST] starting task_id=b map_index=-1", "Traceback (most recent call last):", '  File "a", line 1']
    log = "\n".join([*lines, f"E: {SECRET} at {NOW} {'x ' * 2000}"])
    exception = build(replace(RUN, log=log)).run.tasks["b"].exception
    assert exception
    assert exception.startswith("E: *** at TIME x x")
    assert len(exception) == 1003


def test_equal_runs_have_equal_documents() -> None:
    shuffled = replace(RUN, tasks=dict(reversed(RUN.tasks.items())), xcoms=dict(reversed(RUN.xcoms.items())))
    calls = [*AWS["calls"][1:], AWS["calls"][0]]
    assert format_json(build(shuffled, {**AWS, "calls": calls})) == format_json(build())


def test_a_projects_rules_follow_ours() -> None:
    normalise = Normaliser({"/run/home": "HOME", "/app": "PROJECT"}, [(re.compile(r"job-\d+"), "JOB")], AT.date())
    values = {"job-1": ["job-17", f"/run/home/{NOW}"], "job-2": ["/app/a", "s3://b/app", "/apps"]}
    assert normalise.names_and_values(values) == {
        "JOB": ["JOB", "HOME/TIME"],
        "JOB (2)": ["PROJECT/a", "s3://b/app", "/apps"],
    }


def test_times_far_from_today_are_data() -> None:
    normalise = Normaliser(today=AT.date())
    assert normalise("from 2025-12-01T00:00:00Z to 2026-01-03 00:00:00") == "from 2025-12-01T00:00:00Z to TIME"
    assert normalise("DateTime(2026, 1, 2, 3, 4, tzinfo=Timezone('UTC'))") == "TIME"
    assert normalise("2026-99-99T00:00:00") == "2026-99-99T00:00:00"


def test_the_tasks_that_a_branch_skipped_are_in_order() -> None:
    """Airflow makes the XCom's list from a set."""
    xcoms = {("b", "skipmixin_key"): {"skipped": ["z", "a"]}, ("b", "return_value"): {"skipped": ["z", "a"]}}
    document = build(replace(RUN, xcoms=xcoms)).run
    assert document.xcoms["b"] == {"skipmixin_key": {"skipped": ["a", "z"]}, "return_value": {"skipped": ["z", "a"]}}


def test_numbers_that_json_lacks_are_texts() -> None:
    numbers = [float("nan"), float("inf"), -float("inf"), {"a": float("nan")}]
    document = build(replace(RUN, xcoms={("b", "return_value"): numbers})).run
    written = json.loads(document.model_dump_json(), parse_constant=pytest.fail)
    assert written["xcoms"]["b"]["return_value"] == ["NaN", "Infinity", "-Infinity", {"a": "NaN"}]


def describe(
    content: bytes, key: str = "k", headers: dict[str, str] | None = None
) -> tuple[dict[str, Any], str | None]:
    document, incomplete = describe_object(len(content), "ab", io.BytesIO(content), headers or {}, {}, key, hide)
    return document.model_dump(exclude_defaults=True), incomplete


def test_a_text_keeps_its_line_ends_and_has_no_secret() -> None:
    headers = {"Content-Type": "text/csv", "X-Amz-Meta-Who": SECRET, "Date": NOW}
    document, incomplete = describe(f"n\r\n{SECRET}\r\n".encode(), "a.csv", headers)
    assert document["text"] == "n\r\n***\r\n"
    assert document["metadata"] == {"who": "***"}
    assert document["content_type"] == "text/csv"
    assert document["table"]["columns"] == {"n": "text"}
    assert incomplete is None


def test_binary_content_is_base64_and_left_out_if_it_has_a_secret() -> None:
    assert encode_content(b"\xff\x00", hide) == (None, "/wA=")
    assert encode_content(b"a\0b", hide) == (None, "YQBi")
    document, incomplete = describe(b"\xff" + SECRET.encode())
    assert document == {"size": 21, "sha256": "ab"}
    assert incomplete == "its content has a secret and is no text, so it is left out"


def test_a_large_object_has_no_content_but_a_table() -> None:
    content = b"n\n" + b"1\n" * (LARGEST_CONTENT // 2)
    document, incomplete = describe(content, "a.csv")
    assert (document["table"]["rows"], len(document["table"]["row_digests"])) == (LARGEST_CONTENT // 2, 100_000)
    assert "text" not in document
    assert incomplete is None
    document, incomplete = describe(b"n\n\xff" + content, "a.csv")
    assert incomplete
    assert incomplete.startswith("no summary of its table, because it is not CSV: 'utf-8' codec")


def write(folder: Path, run: Run = RUN) -> Path:
    home = folder / "run-1"
    home.mkdir()
    (home / "recorded-run.json").write_text(format_json(build(run)))
    refused = Run("d", "2021-01-01", refused=f"it is not in {SECRET}")
    runs = [refused, replace(run, recorded=home / "recorded-run.json")]
    return write_scenario(
        folder, "scenarios/test_it.py::test_all[x y]", "passed", VERSIONS, runs, Normaliser(today=AT.date(), show=show)
    )


def test_a_scenario_has_all_runs_and_is_incomplete_until_the_session_ends(tmp_path: Path) -> None:
    file = write(tmp_path)
    assert re.fullmatch(r"scenarios-test_it\.py-test_all-x-y-[0-9a-f]{8}\.json", file.name)
    scenario = ScenarioDocument.model_validate_json(file.read_bytes())
    assert scenario.incomplete == (UNFINISHED,)
    assert [run.refused for run in scenario.runs] == ["it is not in ***", None]
    assert scenario.runs[1] == RunDocument.model_validate(DOCUMENT)


def test_a_removed_document_of_a_run_is_named(tmp_path: Path) -> None:
    runs = [replace(RUN, recorded=tmp_path / "gone.json")]
    file = write_scenario(tmp_path, "t", "passed", VERSIONS, runs, Normaliser(today=AT.date(), show=show))
    scenario = ScenarioDocument.model_validate_json(file.read_bytes())
    assert scenario.incomplete[0] == "the run of d for 2021-01-01: the scenario removed the folder with its evidence"
    assert scenario.runs[0].state == "failed"


SCHEDULE = {"timetable": "T", "anchor": "2021-01-01", "next": [{"logical_date": NOW, "start": None, "end": None}]}


def complete(folder: Path, found: dict[str, Any] | RunError) -> tuple[ScenarioDocument, FolderDocument]:
    asked: list[Any] = []

    def read(runs: Any) -> Any:
        asked.extend(runs)
        if isinstance(found, RunError):
            raise found
        return found

    file = write(folder)
    complete_evidence(folder, [file], read, Path("/dags"), Normaliser(today=AT.date()), show)
    assert asked == [("d", "2021-01-01")]
    scenario = ScenarioDocument.model_validate_json(file.read_bytes())
    return scenario, FolderDocument.model_validate_json((folder / FOLDER_FILE).read_bytes())


def test_the_end_of_a_session_adds_the_schedules(tmp_path: Path) -> None:
    trace = f'Traceback:\n  File "/lib/x.py", line 1, in f\n  File "/dags/a/b.py", line 7, in <module>\nE: {SECRET}\n'
    found = {"errors": {"/dags/a/b.py": trace}, "tasks": {"d": ["a", "b"]}, "schedules": {"d": SCHEDULE}}
    more = {"files": {"d": "/dags/a/d.py"}, "log": ""}
    scenario, folder = complete(tmp_path, {**found, **more, "runs": [SCHEDULE]})
    assert scenario.incomplete == ()
    assert scenario.runs[0].schedule is None
    assert scenario.runs[1].schedule
    assert scenario.runs[1].schedule.next[0].logical_date == NOW
    assert folder.tasks == {"d": ("a", "b")}
    assert folder.files == {"d": "a/d.py"}
    assert folder.schedules["d"].timetable == "T"
    assert folder.import_errors == {"a/b.py": "E: *** (a/b.py:7)"}


def test_a_warning_of_another_dags_file_belongs_to_the_folder(tmp_path: Path) -> None:
    files = {"d": "/dags/a/d.py", "other": "/dags/b/other.py"}
    log = "/dags/b/other.py:3: FutureWarning: old\n/venv/site-packages/x.py:1: FutureWarning: theirs"
    warned = [
        WarningDocument(text=name, category=category, file=name)
        for name, category in [
            ("a/d.py", "W"), ("b/other.py", "W"), ("broken.py", "W"), ("helper.py", "W"), ("b/other.py", "warning"),
        ]
    ]  # fmt: skip
    file = write(tmp_path)
    scenario = ScenarioDocument.model_validate_json(file.read_bytes())
    runs = tuple(one.model_copy(update={"warnings": tuple(warned)}) for one in scenario.runs)
    file.write_text(format_json(scenario.model_copy(update={"runs": runs})))
    found = {
        "errors": {"/dags/broken.py": "E"},
        "tasks": {},
        "schedules": {},
        "runs": [None],
        "files": files,
        "log": log,
    }

    complete_evidence(tmp_path, [file], lambda _: found, Path("/dags"), Normaliser(today=AT.date()), show)

    _, run = ScenarioDocument.model_validate_json(file.read_bytes()).runs
    assert [one.file for one in run.warnings] == ["a/d.py", "helper.py", "b/other.py"]
    folder = FolderDocument.model_validate_json((tmp_path / FOLDER_FILE).read_bytes())
    assert folder.warnings == (WarningDocument(text="old", category="FutureWarning", file="b/other.py", line=3),)


def test_an_unreadable_folder_is_named(tmp_path: Path) -> None:
    scenario, folder = complete(tmp_path, RunError("it crashed"))
    assert scenario.incomplete == folder.incomplete == ("Airflow could not read the dags folder: it crashed",)
    assert scenario.runs[1].schedule is None


def test_an_error_outside_the_folder_has_no_place() -> None:
    assert summarise_error("", Path("/dags")) == "(no message)"
    assert summarise_error('  File "/lib/x.py", line 1\nE: x', Path("/dags")) == "E: x"


@pytest.mark.parametrize("name", ["a/b.py::t[1]", "a/b.py::t[../../x]", f"a/b.py::t[{'é' * 300}]"])
def test_the_file_of_a_scenario_stays_in_the_folder(tmp_path: Path, name: str) -> None:
    file = scenario_file(tmp_path, name)
    assert file.parent == tmp_path
    file.touch()


def test_scenarios_have_files_of_their_own(tmp_path: Path) -> None:
    names = [
        *("a.py::t", "a.py::t[a-b]", "a.py::t[a b]", "a.py::t[a/b]", "a.py::t[a:b]", "a.py::t[a[b]", "a.py::t[a[b]-]"),
        *("a.py::t[]", "a.py::t[-]", "a.py::t::a", "a.py::t[a]", "a.py::t[a-]", "a.py::t[-a]", "a.py::t[a][b]"),
        *("s/etl/test_load.py::t", "s-etl/test_load.py::t", "s/etl-test_load.py::t", "s etl/test_load.py::t"),
        *("a.py/b/c.py::t", "a.py::b[c.py-t]", "a.py", "session", "../a.py::t", "-a.py::t", ".a.py::t"),
    ]
    files = {scenario_file(tmp_path, name).name for name in names}
    assert len(files) == len(names)
    assert not any(file.startswith(".") for file in files)  # a comparison does not read hidden files
    assert scenario_file(tmp_path, "a/b.py::t[a-b.1]").name == "a-b.py-t-a-b.1.json"
    assert scenario_file(tmp_path, "s/etl/test_load.py::t").name == "s-etl-test_load.py-t.json"
    assert "session.json" not in files


def test_a_document_keeps_its_characters() -> None:
    assert json.loads(format_json(Versions(harness="é"))) == Versions(harness="é").model_dump(mode="json")
