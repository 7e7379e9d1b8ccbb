"""pytest plugin that writes recorded evidence (`--harness-evidence DIR`), in each process of a session."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

from harness.evidence.document import (
    FOLDER_FILE,
    SESSION_FILE,
    FolderDocument,
    SessionDocument,
    Shard,
    Versions,
)
from harness.output import output_errors, write
from harness.record.versions import find_versions
from harness.record.write import change_scenario, format_json, scenario_file, write_scenario
from harness.report.outcome import failure_line, get_outcome, get_reason
from harness.settings import Settings
from harness.world_factory import is_scenario

if TYPE_CHECKING:
    from harness.run import Run
    from harness.services.stack import Stack
    from harness.world import World

NAME = "harness-recorder"
OPTION = "--harness-evidence"
SCENARIOS, VERSIONS = "harness_scenarios", "harness_versions"
"""What a worker of xdist hands to the controller."""


@dataclass(frozen=True)
class Ended:
    """A phase of a scenario that this process executed, until pytest has its final report."""

    runs: Sequence[Run]
    stack: Stack | None
    error: BaseException | None
    show: Callable[[str], str]


class Recorder:
    """Writes a file for each scenario of this process; the controller, or pytest itself, writes SESSION_FILE."""

    def __init__(self, folder: Path, settings: Settings, worker: bool) -> None:
        self.folder, self._settings, self._worker = folder, settings, worker
        self._ended: dict[str, Ended] = {}
        self._files: dict[str, Path] = {}
        self._scenarios: set[str] = set()
        self._versions: tuple[object, Versions] | None = None
        if not worker:
            for name in (SESSION_FILE, FOLDER_FILE):  # of an earlier session; a killed one leaves none
                with output_errors(OPTION, folder):
                    (folder / name).unlink(missing_ok=True)

    def pytest_collection_finish(self, session: pytest.Session) -> None:
        self._scenarios |= {item.nodeid for item in session.items if is_scenario(item)}

    @pytest.hookimpl(tryfirst=True)
    def pytest_runtest_protocol(self, item: pytest.Item) -> None:
        """Remove the evidence of an earlier session before the scenario runs."""
        if is_scenario(item):
            scenario_file(self.folder, item.nodeid).unlink(missing_ok=True)

    def end_phase(self, scenario: str, ended: Ended) -> None:
        """Take what a scenario left, before pytest's hooks decide on its report."""
        self._ended[scenario] = ended

    def pytest_runtest_logreport(self, report: pytest.TestReport) -> None:
        ended = self._ended.pop(report.nodeid, None)
        if ended and (report.when == "call" or (report.when == "setup" and not report.passed)):
            self._write(report, ended)
        elif ended and report.failed and report.nodeid in self._files:
            why = ended.show(failure_line(report, ended.error))
            self._fail(self._files[report.nodeid], why)
        elif not self._worker and report.when not in ("setup", "call", "teardown"):  # a worker of xdist crashed
            self._write_crash(report)

    def _write(self, report: pytest.TestReport, ended: Ended) -> None:
        outcome = get_outcome(report)
        with output_errors(OPTION, self.folder):
            self._files[report.nodeid] = write_scenario(
                self.folder,
                report.nodeid,
                outcome,
                self._find_versions(ended.stack),
                ended.runs,
                ended.show,
                failure=failure_line(report, ended.error) if outcome == "failed" else None,
                reason=get_reason(report) if outcome == "not run" else None,
            )

    def _write_crash(self, report: pytest.TestReport) -> None:
        file, why = scenario_file(self.folder, report.nodeid), failure_line(report)
        if file.exists():
            self._fail(file, why)
            return
        with output_errors(OPTION, self.folder):
            write_scenario(self.folder, report.nodeid, "failed", self._find_versions(None), (), str, failure=why)

    def _fail(self, file: Path, why: str) -> None:
        def change(document: dict[str, Any]) -> None:
            document.update(outcome="failed", failure=document["failure"] or why, reason=None)

        with output_errors(OPTION, self.folder):
            change_scenario(file, change)

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
        from harness.record.write import create_normaliser

        settings, stack, home = world.settings, world.stack, make_folder("schedules")

        def read(runs: Sequence[tuple[str, str]]) -> Any:
            find_layout(settings).link_config(home)
            with fresh_database(world.airflow, stack.postgres, settings.pools) as url:
                env = world.build_environment(home, url)
                return read_folder(
                    world.airflow, world.execute, env, settings.dags_folder, home, settings.run_timeout, runs
                )

        normalise = create_normaliser(home, settings, stack)
        files = [file for file in self._files.values() if file.exists()]
        with output_errors(OPTION, self.folder):
            complete_evidence(self.folder, files, read, settings.dags_folder, normalise, stack.mask)

    def pytest_testnodedown(self, node: Any) -> None:
        """Take what a worker of xdist found."""
        found = getattr(node, "workeroutput", None) or {}
        self._scenarios |= set(found.get(SCENARIOS, ()))
        if self._versions is None and VERSIONS in found:
            self._versions = (None, Versions.model_validate(found[VERSIONS]))

    @pytest.hookimpl(trylast=True)
    def pytest_sessionfinish(self, session: pytest.Session) -> None:
        config = session.config
        if self._worker:
            output = getattr(config, "workeroutput", {})
            output[SCENARIOS] = sorted(self._scenarios)
            if self._versions:
                output[VERSIONS] = self._versions[1].model_dump(mode="json")
            return
        total, number = config.getoption("splits", None), config.getoption("group", None)
        document = SessionDocument(
            scenarios=tuple(sorted(self._scenarios)),
            shard=Shard(number=number, total=total) if total and number else None,
            versions=self._find_versions(None),
        )
        with output_errors(OPTION, self.folder):
            if not (self.folder / FOLDER_FILE).exists():
                why = "no scenario got as far as a run, so Airflow did not read the dags folder"
                write(self.folder / FOLDER_FILE, format_json(FolderDocument(schedules={}, incomplete=(why,))))
            write(self.folder / SESSION_FILE, format_json(document))
