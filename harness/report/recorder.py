"""pytest plugin that writes recorded evidence (`--harness-evidence DIR`).

The plugin runs in each process of a session.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

from harness.errors import OutputError
from harness.evidence.document import (
    FOLDER_FILE,
    SESSION_FILE,
    FolderDocument,
    SessionDocument,
    Shard,
    Versions,
)
from harness.evidence.normalise import Normaliser
from harness.output import output_errors, write
from harness.record.rules import create_normaliser
from harness.record.versions import find_versions
from harness.record.write import change_scenario, format_json, remove_documents, scenario_file, write_scenario
from harness.report.outcome import failure_line, get_outcome, get_reason
from harness.settings import Settings
from harness.world_factory import is_scenario

if TYPE_CHECKING:
    from harness.run import Run
    from harness.services.stack import Stack
    from harness.world import World

OPTION = "--harness-evidence"
SCENARIOS, VERSIONS, PROBLEMS = "harness_scenarios", "harness_versions", "harness_problems"
"""What a worker of xdist hands to the controller."""
STOPPED = (pytest.ExitCode.INTERRUPTED, pytest.ExitCode.INTERNAL_ERROR)


@dataclass(frozen=True)
class EndedPhase:
    """A phase of a scenario that this process executed, until pytest has its final report."""

    runs: Sequence[Run]
    stack: Stack | None
    error: BaseException | None
    show: Callable[[str], str]


class Recorder:
    """A pytest plugin that writes a file for each scenario of this process.

    The controller, or pytest itself, also writes SESSION_FILE.
    """

    def __init__(self, folder: Path, settings: Settings, worker: bool) -> None:
        # Absolute, because a test may change the working directory.
        self.folder, self._settings, self._worker = folder.absolute(), settings, worker
        self._ended: dict[tuple[str, str | None], EndedPhase] = {}
        """By node id and phase, because pytest-rerunfailures hands over the reports of all phases at the end."""
        self._files: dict[str, Path] = {}
        self._scenarios: set[str] = set()
        self._versions: tuple[object, Versions] | None = None
        self._problems: dict[str, None] = {}
        """Why files could not be written, in one line each."""
        self._incomplete: dict[str, None] = {}
        if not worker:
            with output_errors(OPTION, folder):
                remove_documents(self.folder)  # else evidence of two sessions would be compared as one

    def pytest_collectreport(self, report: pytest.CollectReport) -> None:
        if report.failed:
            self._incomplete[f"pytest could not collect {report.nodeid}"] = None

    def pytest_collection_finish(self, session: pytest.Session) -> None:
        self._scenarios |= {item.nodeid for item in session.items if is_scenario(item)}

    @pytest.hookimpl(tryfirst=True)
    def pytest_runtest_protocol(self, item: pytest.Item) -> None:
        """Remove the evidence of an earlier session before the scenario runs."""
        if is_scenario(item):
            with self._writing():
                scenario_file(self.folder, item.nodeid).unlink(missing_ok=True)

    def end_phase(self, report: pytest.TestReport, ended: EndedPhase) -> None:
        """Take what a scenario left, before pytest's hooks decide on its report."""
        self._ended[report.nodeid, report.when] = ended

    def pytest_runtest_logreport(self, report: pytest.TestReport) -> None:
        ended = self._ended.pop((report.nodeid, report.when), None)
        if ended and (report.when == "call" or (report.when == "setup" and not report.passed)):
            self._write(report, ended)
        elif ended and report.failed and report.nodeid in self._files:
            why = self._create_normaliser(ended)(failure_line(report, ended.error))
            self._fail(self._files[report.nodeid], why)
        elif not self._worker and report.when not in ("setup", "call", "teardown"):  # a worker of xdist crashed
            self._write_crash(report)

    def _write(self, report: pytest.TestReport, ended: EndedPhase) -> None:
        outcome = get_outcome(report)
        with self._writing():
            self._files[report.nodeid] = write_scenario(
                self.folder,
                report.nodeid,
                outcome,
                self._find_versions(ended.stack),
                ended.runs,
                self._create_normaliser(ended),
                failure=failure_line(report, ended.error) if outcome == "failed" else None,
                reason=get_reason(report) if outcome == "not run" else None,
            )

    def _write_crash(self, report: pytest.TestReport) -> None:
        file, why = scenario_file(self.folder, report.nodeid), failure_line(report)
        if file.exists():
            self._fail(file, why)
            return
        with self._writing():
            write_scenario(
                self.folder, report.nodeid, "failed", self._find_versions(None), (), Normaliser(), failure=why
            )

    def _fail(self, file: Path, why: str) -> None:
        def change(document: dict[str, Any]) -> None:
            document.update(outcome="failed", failure=document["failure"] or why, reason=None)

        with self._writing():
            change_scenario(file, change)

    def _create_normaliser(self, ended: EndedPhase) -> Normaliser:
        return create_normaliser(self._settings, ended.show, ended.stack)

    def _find_versions(self, stack: Stack | None) -> Versions:
        """Ask once for each stack, and again after an image was added."""
        key = (stack.stack_id, tuple(stack.images)) if stack else None
        if self._versions is None or (key and self._versions[0] != key):
            self._versions = (key, find_versions(self._settings, stack))
        return self._versions[1]

    def complete(self, world: World, make_folder: Callable[[str], Path]) -> None:
        """Add the schedules, by the declarations of `world`, the last one of this process."""
        from harness.airflow.layout import find_layout
        from harness.airflow.metadata import fresh_database
        from harness.record.folder import complete_evidence, read_folder

        settings, stack, home = world.settings, world.stack, make_folder("schedules")

        def read(runs: Sequence[tuple[str, str]]) -> Any:
            find_layout(settings).link_config(home)
            with fresh_database(world.airflow, stack.postgres, settings.pools) as url:
                env = world.build_environment(home, url)
                return read_folder(
                    world.airflow, world.execute, env, settings.dags_folder, home, settings.run_timeout, runs
                )

        normalise = create_normaliser(settings, stack.mask, stack, {str(home): "HOME"})
        files = [file for file in self._files.values() if file.exists()]
        with self._writing():
            complete_evidence(self.folder, files, read, settings.dags_folder, normalise, stack.mask)

    @pytest.hookimpl(optionalhook=True)
    def pytest_testnodedown(self, node: Any) -> None:
        """Take what a worker of xdist found."""
        found = getattr(node, "workeroutput", None) or {}
        self._scenarios |= set(found.get(SCENARIOS, ()))
        self._problems |= dict.fromkeys(found.get(PROBLEMS, ()))
        if self._versions is None and VERSIONS in found:
            self._versions = (None, Versions.model_validate(found[VERSIONS]))

    @pytest.hookimpl(trylast=True)
    def pytest_sessionfinish(self, session: pytest.Session, exitstatus: int) -> None:
        config = session.config
        if self._worker:
            output = getattr(config, "workeroutput", {})
            output[SCENARIOS], output[PROBLEMS] = sorted(self._scenarios), list(self._problems)
            if self._versions:
                output[VERSIONS] = self._versions[1].model_dump(mode="json")
            return
        if early := session.shouldfail or session.shouldstop or exitstatus in STOPPED:
            why = f": {early}" if isinstance(early, str) else ""
            self._incomplete[f"pytest stopped before all scenarios had run{why}"] = None
        total, number = config.getoption("splits", None), config.getoption("group", None)
        document = SessionDocument(
            scenarios=tuple(sorted(self._scenarios)),
            shard=Shard(number=number, total=total) if total and number else None,
            versions=self._find_versions(None),
            incomplete=tuple(self._incomplete),
        )
        with self._writing():
            if not (self.folder / FOLDER_FILE).exists():
                why = "no scenario got as far as a run, so Airflow did not read the dags folder"
                write(self.folder / FOLDER_FILE, format_json(FolderDocument(schedules={}, incomplete=(why,))))
            write(self.folder / SESSION_FILE, format_json(document))
        if self._problems:
            session.exitstatus = session.exitstatus or pytest.ExitCode.TESTS_FAILED

    def pytest_terminal_summary(self, terminalreporter: Any) -> None:
        for problem in self._problems:
            terminalreporter.write_line(problem, red=True)

    @contextmanager
    def _writing(self) -> Iterator[None]:
        """Keep an error for the end of the session: a scenario is worth more than its file."""
        try:
            with output_errors(OPTION, self.folder):
                yield
        except OutputError as error:
            self._problems[f"OutputError: {error}"] = None
