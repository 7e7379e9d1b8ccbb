"""A side of an upgrade check: versions, and a pytest session of the scenarios on them."""

from __future__ import annotations

import os
import re
import signal
import subprocess
import sys
import tempfile
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import IO

import pytest

from harness.airflow.inside.supervisor import PR_SET_PDEATHSIG, prctl
from harness.output import check_folder
from harness.progress import Progress
from harness.record.write import remove_documents
from harness.run_command.session import empty_cache
from harness.services.session import ServiceSession
from harness.settings import SideName

LOG = "pytest.log"
"""The output of a side's pytest, beside its evidence."""
TICK = 0.5
"""Seconds between two looks at a side's pytest."""
PERCENT = re.compile(r"\[ *(\d+)%\]")
RESULTS = (pytest.ExitCode.OK, pytest.ExitCode.TESTS_FAILED)


@dataclass(frozen=True)
class Side:
    """One set of versions.

    `label` is `A` or `B`, `name` whose declarations in pyproject count. `python` is Airflow's interpreter and
    `airflow_image` an image with Airflow instead; None: as the project has it. `images` maps the name of an image to a
    reference, as the setting NAME_image. `around` is where plugins, config and include are, if not around the dags
    folder. `notes` say where the versions come from. `failed` says why the side can't run, for example because a
    package can't be installed.
    """

    label: str
    name: SideName
    python: Path | None = None
    airflow_image: str | None = None
    images: Mapping[str, str] = field(default_factory=dict)
    dags_folder: Path | None = None
    around: Path | None = None
    notes: tuple[str, ...] = ()
    failed: str | None = None

    @property
    def title(self) -> str:
        return f"side {self.label} ({self.name})"

    def options(self) -> list[str]:
        """Return pytest's options that select this side."""
        given = {
            "--harness-airflow-python": self.python,
            # Empty, because an image that the project names would win over the interpreter.
            "--harness-airflow-image": "" if self.python else self.airflow_image,
            "--harness-dags-folder": self.dags_folder,
            "--harness-around": self.around,
            **{f"--harness-{name}-image": reference for name, reference in sorted(self.images.items())},
        }
        options = (f"{option}={value}" for option, value in given.items() if value is not None)
        return ["--harness-side", self.name, *options]


@dataclass(frozen=True)
class Scenarios:
    """Arguments for pytest that name a side's scenarios and how they run.

    pytest runs in the folder `root`.
    """

    root: Path
    arguments: tuple[str, ...] = ()


@dataclass(frozen=True)
class SideRun:
    """A side's pytest that has ended. `failed`: why there are no results, in one line."""

    side: Side
    evidence: Path
    failed: str | None = None


def run_side(
    side: Side,
    scenarios: Scenarios,
    evidence: Path,
    services: ServiceSession,
    progress: Progress,
    what: str,
    more: Sequence[str] = (),
) -> SideRun:
    """Run the scenarios on the side and return where their evidence is.

    `services` is the session whose services the side borrows, `what` names the run on the terminal, `more` are further
    options. A KeyboardInterrupt ends pytest, which tears down what it started.
    """
    clear_evidence(evidence)
    if side.failed:
        return SideRun(side, evidence, side.failed)
    options = ["-p", "harness.plugin", "-v", "--color=no", f"--harness-evidence={evidence}"]
    borrow = f"--harness-borrowed-session={services.run}"
    command = [sys.executable, "-m", "pytest", *scenarios.arguments, *options, borrow, *side.options(), *more]
    log = evidence / LOG
    progress.step(what, "starting")
    with (
        tempfile.TemporaryDirectory() as cache,
        log.open("w") as out,
        _running([*command, *empty_cache(cache)], scenarios.root, out) as process,
    ):
        shown = "starting"
        while not _ended(process):
            # From now on the services stay, although the side's last process ends.
            services.join_reaper()
            if (now := _last_scenario(log)) != shown:
                progress.step(what, now)
                shown = now
    failed = explain_exit(process.returncode, log.read_text(errors="replace"))
    progress.step(what, failed or "done", last=True)
    return SideRun(side, evidence, failed)


def explain_exit(code: int, log: str) -> str | None:
    """Return why a pytest that exited with `code` has no results, in one line; None if it has."""
    if code in RESULTS:
        return None
    if code == pytest.ExitCode.NO_TESTS_COLLECTED:
        return "pytest collected no scenario: name a file that has one, or run every DAG with --date DATE"
    lines = [line.strip() for line in log.splitlines() if line.strip()]
    errors = [line for line in lines if re.match(r"E  +\S|ERROR[: ]|[\w.]*Error: ", line)]
    last = re.sub(r"^(E +|ERROR:? +)", "", (errors or lines or ["(no output)"])[-1])
    return f"{last} (pytest {f'exited with {code}' if code >= 0 else f'was ended by signal {-code}'})"


def clear_evidence(folder: Path) -> None:
    """Create the folder, or remove an earlier side's files from it.

    The unstable fields stay. Raises OutputError.
    """
    check_folder("the evidence", folder)
    remove_documents(folder)
    (folder / LOG).unlink(missing_ok=True)


@contextmanager
def _running(command: Sequence[str], root: Path, out: IO[str]) -> Iterator[subprocess.Popen[bytes]]:
    """Run the command in its own process group, so that Ctrl-C reaches it once, from here."""
    # The summary of a CI job shows the comparison, not each side's scenarios.
    environment = {name: value for name, value in os.environ.items() if name != "GITHUB_STEP_SUMMARY"}
    environment["PYTHONUNBUFFERED"] = "1"
    process = subprocess.Popen(
        command,
        cwd=root,
        stdin=subprocess.DEVNULL,
        stdout=out,
        stderr=subprocess.STDOUT,
        env=environment,
        process_group=0,
        preexec_fn=lambda: prctl(PR_SET_PDEATHSIG, signal.SIGINT),
    )
    try:
        yield process
    except BaseException:
        while process.poll() is None:
            process.send_signal(signal.SIGINT)
            try:
                process.wait()
            except KeyboardInterrupt:  # A second Ctrl-C is passed on, so that pytest ends sooner.
                continue
        raise


def _ended(process: subprocess.Popen[bytes]) -> bool:
    try:
        process.wait(TICK)
    except subprocess.TimeoutExpired:
        return False
    return True


def _last_scenario(log: Path) -> str:
    """Return the last line of pytest's output that says how far it is."""
    lines = [line for line in log.read_text(errors="replace").splitlines() if PERCENT.search(line)]
    return " ".join(lines[-1].split()) if lines else "starting"
