"""Every row of docs/bad-input.md, done by the letter in a small project on the embedded stack."""

from __future__ import annotations

import os
import re
import shlex
import shutil
import signal
import subprocess
import sys
import tempfile
from collections.abc import Callable, Iterator
from contextlib import ExitStack, suppress
from dataclasses import dataclass, field
from pathlib import Path

import pytest

from harness.airflow.runners.warm import end_hosts, hosts_folder
from harness.services.embedded.processes import kept_stacks
from harness.services.embedded.stack import kept_folders
from harness.services.selection import remove_kept
from harness.services.session import ServiceSession, new_run
from tests.mounts import behind
from tests.outer import environment

PAGE = Path(__file__).parents[2] / "docs" / "bad-input.md"
ROW = re.compile(r"^\| *(?P<given>[^|]*?) *\| `(?P<command>[^`|]+)` *\| (?P<code>\d) *\| (?P<says>.+?) *\|$", re.M)
PYPROJECT = '[tool.harness]\nstack = "embedded"\n'
DAG = """
import datetime as dt
from airflow import DAG
from airflow.providers.standard.operators.empty import EmptyOperator

with DAG(dag_id="greets", start_date=dt.datetime(2020, 1, 1), schedule=None):
    EmptyOperator(task_id="greet")
"""
TELL_OF_HOSTS = ("harness down", "harness clean", "harness status")
NOTHING_LISTENS = "tcp://127.0.0.1:9"


@dataclass
class Place:
    """The project in `folder`, and what its commands find in their environment.

    `before` are words before the command, `ends` has what is to end with it, `other` is a command beside it.
    """

    folder: Path
    env: dict[str, str]
    before: tuple[str, ...] = ()
    ends: ExitStack = field(default_factory=ExitStack)
    other: subprocess.Popen[str] | None = None

    def pyproject(self, text: str) -> None:
        (self.folder / "pyproject.toml").write_text(PYPROJECT + text)

    def note(self, name: str, text: str) -> None:
        (ServiceSession(self.folder, None).folder / f"{name}.json").write_text(text)


def unreadable(place: Place) -> None:
    """Root can read any file of a disk; this one answers with an error."""
    (place.folder / "pyproject.toml").unlink()
    (place.folder / "pyproject.toml").symlink_to("/proc/self/mem")


def a_file_in_the_way(place: Place) -> None:
    (place.folder / "file").write_text("in the way")


def older_notes(place: Place) -> None:
    for name in ("embedded-0", "stack-0"):
        place.note(name, '{"fits": "x", "pid": 1}')


def garbage(place: Place) -> None:
    for name in ("embedded-0", "stack-0"):
        place.note(name, "{")


def half_up(place: Place) -> None:
    """One of the services was killed."""
    assert run(place, "harness up").returncode == 0
    (kept,) = (stack for stack, kept_for in kept_stacks() if kept_for == ServiceSession(place.folder, None).folder)
    for process in Path("/proc").glob("[0-9]*"):
        with suppress(OSError):
            if (process / "cwd").resolve() == kept and b"harness.aws_mock" in (process / "cmdline").read_bytes():
                os.kill(int(process.name), signal.SIGKILL)


def another_up(place: Place) -> None:
    place.other = subprocess.Popen(
        [sys.executable, "-m", "harness", "up"], cwd=place.folder, env=place.env, stdout=subprocess.PIPE, text=True
    )


def full_disk(place: Place) -> None:
    """Some kilobytes in place of the temporary folder and of the memory, seen by this command alone."""
    mount = "mount -t tmpfs -o size=300k none /mnt && mount -t tmpfs -o size=300k none /dev/shm"
    place.before = behind(mount)
    place.env.update(TMPDIR="/mnt")


def used(place: Place) -> None:
    place.ends.enter_context(ServiceSession(place.folder, None).slot())


def under_way(place: Place) -> None:
    place.ends.enter_context(ServiceSession(place.folder, new_run()).slot())


GIVEN: dict[str, Callable[[Place], object]] = {
    "": lambda place: None,
    "a setting that nobody knows": lambda place: place.pyproject('colour = "red"'),
    "a setting with a wrong value": lambda place: place.pyproject("start_timeout = -1"),
    "a variable with a wrong value": lambda place: place.env.update(HARNESS_RUN_TIMEOUT="soon"),
    "a `pyproject.toml` that is no TOML": lambda place: place.pyproject("= 1"),
    "a `pyproject.toml` that can't be read": unreadable,
    "a declared schema that is not there": lambda place: place.pyproject('databases = {shop = "none.sql"}'),
    "a connection that names nothing": lambda place: place.pyproject('connections = {shop = "${postgres.shop}"}'),
    "an empty dags folder": lambda place: (place.folder / "dags" / "greets.py").unlink(),
    "two fixed ports that are one": lambda place: place.pyproject("minio_port = 9000\naws_port = 9000"),
    "a fixed port": lambda place: place.pyproject("minio_port = 19321"),
    "no engine": lambda place: place.env.update(DOCKER_HOST=NOTHING_LISTENS),
    "a file in the way": a_file_in_the_way,
    "notes of an older version": older_notes,
    "notes that are garbage": garbage,
    "a stack half up": half_up,
    "another `harness up` at the same moment": another_up,
    "a full disk": full_disk,
    "a test run that uses what is kept": used,
    "a test run under way": under_way,
}


@dataclass(frozen=True)
class Row:
    given: str
    command: str
    code: int
    says: str


def rows() -> list[Row]:
    found = [Row(m["given"], m["command"], int(m["code"]), m["says"]) for m in ROW.finditer(PAGE.read_text())]
    assert len(found) == len(re.findall(r"^\| [^-]", PAGE.read_text(), re.M)) - len(
        re.findall(r"^\| given", PAGE.read_text(), re.M)
    ), "a row that is not read is not tested"
    return found


@pytest.fixture(scope="module")
def project(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Path]:
    """One path for all rows, so that one warm host serves them. Its private folders are its own."""
    folder = tmp_path_factory.mktemp("rows") / "project"
    # Not pytest's: a socket's path is to be short.
    with pytest.MonkeyPatch.context() as patch, tempfile.TemporaryDirectory() as runtime:
        patch.setenv("XDG_RUNTIME_DIR", runtime)
        yield folder
        end_hosts(hosts_folder(folder))


@pytest.fixture
def place(project: Path, pytestconfig: pytest.Config) -> Iterator[Place]:
    folder = project
    shutil.rmtree(folder, ignore_errors=True)
    (folder / "dags").mkdir(parents=True)
    (folder / "dags" / "greets.py").write_text(DAG)
    (folder / "test_it.py").write_text("def test_it(world):\n    world.run('greets', '2021-01-01')\n")
    made = Place(folder, {**environment(pytestconfig.rootpath), "NO_COLOR": "1"})
    made.pyproject("")
    with made.ends:
        yield made
    remove_kept(folder)


def run(place: Place, command: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [*place.before, sys.executable, "-m", *shlex.split(command)],
        cwd=place.folder,
        env=place.env,
        capture_output=True,
        text=True,
        timeout=120,
        check=False,
    )


@pytest.mark.parametrize("row", rows(), ids=lambda row: f"{row.given}: {row.command}".removeprefix(": "))
def test_it_says_so_and_leaves_nothing(row: Row, place: Place) -> None:
    if row.command.startswith(TELL_OF_HOSTS):  # another row, which this worker may have had before, has left one
        end_hosts(hosts_folder(place.folder))
    GIVEN[row.given](place)
    before = left_in(place)

    done = run(place, row.command)

    assert done.returncode == row.code, done.stdout + done.stderr
    output = done.stderr if row.command.startswith("harness") and row.code == 2 else done.stdout + done.stderr
    said = re.compile(".*".join(re.escape(part) for part in row.says.replace("``", "`").split("...")))
    if place.other:
        assert place.other.communicate(timeout=60)[0] == done.stdout
        assert place.other.returncode == 0
    lines = [line.removeprefix("ERROR: ") for line in output.splitlines() if line]
    assert any(said.fullmatch(line) for line in lines), output
    assert "Traceback" not in output
    if row.command.startswith("harness") and row.code == 2:
        assert len([line for line in lines if not re.match(r"\[ .* s\] ", line)]) == 1, "one line says it"
        assert left_in(place) == before


def left_in(place: Place) -> set[str]:
    """The files of the project, and what is kept for it."""
    files = {str(file) for file in place.folder.rglob("*") if "__pycache__" not in file.parts}
    session = ServiceSession(place.folder, None)
    return files | {file.name for file in session.folder.glob("*.json")} | set(map(str, kept_folders(session)))
