"""The plugin behind `--harness-evidence`: outcomes, reasons and the files of a session."""

from __future__ import annotations

from pathlib import Path
from types import SimpleNamespace
from typing import Any, cast

import pytest

from harness.evidence.document import (
    FOLDER_FILE,
    SESSION_FILE,
    FolderDocument,
    ScenarioDocument,
    SessionDocument,
    Shard,
    Versions,
)
from harness.record.write import scenario_file
from harness.report.recorder import SCENARIOS, VERSIONS, EndedPhase, Recorder
from harness.run import Run
from harness.settings import Settings

NODE = "test_it.py::test_it"
REFUSED = Run("d", "2021-01-01", refused="it has the secret 123")


@pytest.fixture
def recorder(tmp_path: Path, harness_settings: Settings) -> Recorder:
    return Recorder(tmp_path, harness_settings, worker=False)


def show(text: str) -> str:
    return text.replace("123", "***")


def report(recorder: Recorder, when: Any, outcome: Any, longrepr: Any = None, error: Exception | None = None) -> None:
    made = pytest.TestReport(NODE, ("", 0, ""), {}, outcome, longrepr, when)
    recorder.end_phase(made, EndedPhase((REFUSED,), None, error, show))
    recorder.pytest_runtest_logreport(made)


def read(recorder: Recorder) -> ScenarioDocument:
    return ScenarioDocument.model_validate_json(scenario_file(recorder.folder, NODE).read_bytes())


def finish(
    recorder: Recorder, code: int = 0, shouldfail: str | bool = False, **options: int
) -> tuple[SessionDocument, FolderDocument]:
    def getoption(name: str, default: Any) -> Any:
        return options.get(name, default)

    config = SimpleNamespace(getoption=getoption)
    session = SimpleNamespace(config=config, shouldfail=shouldfail, shouldstop=False, exitstatus=code)
    recorder.pytest_sessionfinish(cast(pytest.Session, session), code)
    written = SessionDocument.model_validate_json((recorder.folder / SESSION_FILE).read_bytes())
    return written, FolderDocument.model_validate_json((recorder.folder / FOLDER_FILE).read_bytes())


def test_a_scenario_that_passed(recorder: Recorder) -> None:
    report(recorder, "setup", "passed")
    report(recorder, "call", "passed")
    report(recorder, "teardown", "passed")
    found = read(recorder)
    assert (found.outcome, found.failure, found.reason) == ("passed", None, None)
    assert [run.refused for run in found.runs] == ["it has the secret ***"]
    assert found.versions.packages


def test_a_failed_check_is_one_line(recorder: Recorder) -> None:
    report(recorder, "call", "failed", "assert 123 == 2\nmore")
    assert (read(recorder).outcome, read(recorder).failure) == ("failed", "assert *** == 2")


def test_a_failed_setup_and_a_skip_are_recorded(recorder: Recorder) -> None:
    report(recorder, "setup", "failed", "ValueError: broken")
    assert (read(recorder).outcome, read(recorder).failure) == ("failed", "ValueError: broken")
    report(recorder, "setup", "skipped", ("file", 1, "Skipped: needs 123"))
    assert (read(recorder).outcome, read(recorder).failure, read(recorder).reason) == ("not run", None, "needs ***")


def test_a_failed_teardown_fails_the_scenario(recorder: Recorder) -> None:
    report(recorder, "call", "passed")
    report(recorder, "teardown", "failed", "ValueError: at 123")
    assert (read(recorder).outcome, read(recorder).failure) == ("failed", "ValueError: at ***")


def test_the_first_failure_stays(recorder: Recorder) -> None:
    report(recorder, "call", "failed", "first")
    report(recorder, "teardown", "failed", "second")
    assert read(recorder).failure == "first"


def test_a_crashed_worker_leaves_a_failure(recorder: Recorder) -> None:
    for _ in range(2):  # the second time the file exists
        crash = pytest.TestReport(NODE, ("", 0, ""), {}, "failed", "worker 'gw0' crashed", cast(Any, "???"))
        recorder.pytest_runtest_logreport(crash)
        assert (read(recorder).outcome, read(recorder).failure) == ("failed", "worker 'gw0' crashed")


def test_other_tests_leave_nothing(recorder: Recorder) -> None:
    recorder.pytest_runtest_logreport(pytest.TestReport(NODE, ("", 0, ""), {}, "failed", "x", "call"))
    assert list(recorder.folder.iterdir()) == []


def test_a_new_session_removes_the_old_one(recorder: Recorder, harness_settings: Settings) -> None:
    report(recorder, "call", "passed")
    finish(recorder)
    others = {"unstable.json": '{"schema_version": 1, "kind": "unstable fields"}', "own.json": '{"kind": "scenario"}'}
    for name, text in others.items():
        (recorder.folder / name).write_text(text)
    Recorder(recorder.folder, harness_settings, worker=True)
    assert len(list(recorder.folder.iterdir())) == 5, "a worker of the same session removes nothing"
    Recorder(recorder.folder, harness_settings, worker=False)
    assert {file.name: file.read_text() for file in recorder.folder.iterdir()} == others


def test_a_session_without_scenarios_has_its_files(recorder: Recorder) -> None:
    session, folder = finish(recorder)
    assert (session.scenarios, session.shard) == ((), None)
    assert folder.incomplete == ("no scenario got as far as a run, so Airflow did not read the dags folder",)


def test_an_early_end_is_named(recorder: Recorder) -> None:
    recorder.pytest_collectreport(pytest.CollectReport("test_b.py", "failed", "error", None))
    session, _ = finish(recorder, 1, "stopping after 1 failures")
    assert session.incomplete == (
        "pytest could not collect test_b.py",
        "pytest stopped before all scenarios had run: stopping after 1 failures",
    )
    assert finish(recorder, 2)[0].incomplete[-1] == "pytest stopped before all scenarios had run"


def test_a_full_disk_fails_the_session_and_no_scenario(recorder: Recorder, monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(*_: object, **__: object) -> None:
        raise OSError(28, "No space left on device")

    with monkeypatch.context() as patch:
        patch.setattr("harness.report.recorder.write_scenario", refuse)
        report(recorder, "call", "passed")
        report(recorder, "teardown", "failed", "x")
    lines: list[str] = []
    finish(recorder)
    recorder.pytest_terminal_summary(SimpleNamespace(write_line=lambda line, red: lines.append(line)))
    why = f"can't be written to {recorder.folder} (No space left on device): choose another path, or free space"
    assert lines == [f"OutputError: --harness-evidence {why}"]


def test_the_controller_takes_the_workers_scenarios(recorder: Recorder) -> None:
    versions = Versions(harness="1", airflow="3")
    for name in ("b", "a"):
        output = {SCENARIOS: [name], VERSIONS: versions.model_dump(mode="json")}
        recorder.pytest_testnodedown(SimpleNamespace(workeroutput=output))
    recorder.pytest_testnodedown(SimpleNamespace())  # a worker that crashed
    session, _ = finish(recorder, splits=3, group=2)
    assert session.scenarios == ("a", "b")
    assert session.shard == Shard(number=2, total=3)
    assert session.versions == versions
