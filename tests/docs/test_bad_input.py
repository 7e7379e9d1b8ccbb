"""Execute every row of docs/bad-input.md in a small project on the embedded stack."""

from __future__ import annotations

import os
import re
import shlex
import shutil
import signal
import subprocess
import sys
import tempfile
import zipfile
from collections.abc import Callable, Iterator
from contextlib import ExitStack, suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest

from harness.airflow.runners.warm import end_hosts
from harness.declarations import BUNDLES
from harness.runtime_dir import hosts_folder
from harness.services.embedded.processes import list_kept_stacks
from harness.services.embedded.stack import list_kept_folders
from harness.services.extra import catalogue_image
from harness.services.selection import remove_kept
from harness.services.session import ServiceSession, new_run
from harness.settings import Settings
from tests.airflow_image import other_architecture
from tests.compare.builders import evidence, scenario
from tests.compare.builders import run as run_document
from tests.forked import call_in_fork
from tests.making.conftest import serve_index
from tests.mounts import with_mounts
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
SHOW_HOSTS = ("harness down", "harness clean", "harness status")
SETTINGS = Settings(root=Path())
NOTHING_LISTENS = "tcp://127.0.0.1:9"


@dataclass
class Place:
    """The project in `folder` and the environment of its commands.

    `before`: words before the command; `ends`: contexts that end with it; `other`: a concurrent command.
    """

    folder: Path
    env: dict[str, str]
    before: tuple[str, ...] = ()
    ends: ExitStack = field(default_factory=ExitStack)
    other: subprocess.Popen[str] | None = None

    def pyproject(self, text: str) -> None:
        (self.folder / "pyproject.toml").write_text(PYPROJECT + text)

    def scenario(self, *lines: str) -> None:
        (self.folder / "test_it.py").write_text("\n    ".join(["def test_it(world):", *lines]) + "\n")

    def write_state(self, name: str, text: str) -> None:
        (ServiceSession(self.folder, None).folder / f"{name}.json").write_text(text)


def missing_object(place: Place) -> None:
    place.pyproject('buckets = ["reports"]')
    put = "world.put('reports', {!r}, b'')"
    place.scenario(put.format("a"), put.format("total.csv"), "world.read('reports', 'totals.csv')")


def unreadable(place: Place) -> None:
    """Root can read any file on a disk, but reading this file fails."""
    (place.folder / "pyproject.toml").unlink()
    (place.folder / "pyproject.toml").symlink_to("/proc/self/mem")


def a_file_in_the_way(place: Place) -> None:
    (place.folder / "file").write_text("in the way")


def write_seed(place: Place, name: str, text: str) -> None:
    (place.folder / name).write_text(text)
    place.pyproject(f'databases = {{shop = "{name}"}}')


def write_old_state(place: Place) -> None:
    for name in ("embedded-0", "stack-0"):
        place.write_state(name, '{"fits": "x", "pid": 1}')


def write_damaged_state(place: Place) -> None:
    for name in ("embedded-0", "stack-0"):
        place.write_state(name, "{")


def half_up(place: Place) -> None:
    """Start the services, then kill one of them."""
    assert run(place, "harness up").returncode == 0
    (kept,) = (stack for stack, kept_for in list_kept_stacks() if kept_for == ServiceSession(place.folder, None).folder)
    for process in Path("/proc").glob("[0-9]*"):
        with suppress(OSError):
            if (process / "cwd").resolve() == kept and b"harness.aws_mock" in (process / "cmdline").read_bytes():
                os.kill(int(process.name), signal.SIGKILL)


def another_up(place: Place) -> None:
    place.other = subprocess.Popen(
        [sys.executable, "-m", "harness", "up"], cwd=place.folder, env=place.env, stdout=subprocess.PIPE, text=True
    )


def full_disk(place: Place) -> None:
    """Mount tiny temporary and memory folders, for this command only."""
    mount = "mount -t tmpfs -o size=300k none /mnt && mount -t tmpfs -o size=300k none /dev/shm"
    place.before = with_mounts(mount)
    place.env.update(TMPDIR="/mnt")


def evidence_of_b(place: Place, old: str = "", new: str = "", **changes: Any) -> None:
    """Write the folders a and b, and replace a text in b's scenario."""
    for name in "ab":
        evidence(place.folder / name, scenario(run_document()), **(changes if name == "b" else {}))
    file = place.folder / "b" / "scenarios-test_prices.py--test_prices.json"
    file.write_text(file.read_text().replace(old, new, 1))


def damaged_upgrade(place: Place) -> None:
    evidence_of_b(place)
    (place.folder / "b" / "upgrade.json").write_text('{"kind": "upgrade"')


def accepted_entry(place: Place, reason: str, expires: str) -> None:
    evidence_of_b(place)
    lines = ("[[accepted]]", 'scenario = "*"', 'field = "state"', f'reason = "{reason}"', f"expires = {expires}")
    (place.folder / "accepted.toml").write_text("\n".join(lines))


def archive_outside(place: Place) -> None:
    evidence_of_b(place)
    with zipfile.ZipFile(place.folder / "b.zip", "w") as archive:
        archive.writestr("../x.json", "{}")


def large_file(place: Place) -> None:
    evidence_of_b(place)
    with (place.folder / "b" / "large.json").open("w") as file:
        file.truncate(2**26 + 1)


def large_archive(place: Place) -> None:
    evidence_of_b(place)
    with zipfile.ZipFile(place.folder / "b.zip", "w", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr("a.json", bytes(2**24 + 1))


def no_session(place: Place) -> None:
    evidence_of_b(place)
    (place.folder / "b" / "session.json").unlink()


def use_airflow_image(place: Place, reference: str) -> None:
    place.env.update(HARNESS_AIRFLOW_IMAGE=reference, HARNESS_STACK="containers")


def small_index(place: Place) -> None:
    """Serve an index with one Airflow, and write requirements that conflict with it."""
    index = place.ends.enter_context(serve_index())
    index.add("apache-airflow", "3.3.2", "2026-09-17T08:00:00Z", ["fastapi>=1"])
    index.add("fastapi", "1.0", "2026-01-01T00:00:00Z")
    for name in [name for name in place.env if name.startswith(("PIP_", "UV_")) or name.lower().endswith("_proxy")]:
        del place.env[name]
    place.env.update(UV_DEFAULT_INDEX=f"{index.url}/simple", UV_NO_CACHE="1", PIP_CONFIG_FILE=os.devnull)
    (place.folder / "conflict.txt").write_text("apache-airflow==3.3.2\nfastapi<1\n")


def used(place: Place) -> None:
    place.ends.enter_context(ServiceSession(place.folder, None).claim_slot())


def under_way(place: Place) -> None:
    place.ends.enter_context(ServiceSession(place.folder, new_run()).claim_slot())


GIVEN: dict[str, Callable[[Place], object]] = {
    "": lambda place: None,
    "an unknown setting": lambda place: place.pyproject('colour = "red"'),
    "a setting with a wrong value": lambda place: place.pyproject("start_timeout = -1"),
    "a variable with a wrong value": lambda place: place.env.update(HARNESS_RUN_TIMEOUT="soon"),
    "a bucket with an invalid name": lambda place: place.pyproject('buckets = ["My_Bucket"]'),
    "a database with an invalid name": lambda place: place.pyproject('databases = {Shop = "schema.sql"}'),
    "an alias of an unknown service": lambda place: place.pyproject('aliases = {mini = ["s3"]}'),
    "an image with an invalid tag": lambda place: place.pyproject('images.own = {tag = "My/Own", context = "own"}'),
    "an invalid `pyproject.toml`": lambda place: place.pyproject("= 1"),
    "an unreadable `pyproject.toml`": unreadable,
    "a missing schema file": lambda place: place.pyproject('databases = {shop = "none.sql"}'),
    "an invalid bucket of the AWS mock": lambda place: place.pyproject('aws_buckets = ["My_Bucket"]'),
    "a seed object in an undeclared bucket": lambda place: place.pyproject('objects = {"reports/a" = "a"}'),
    "a seed object with an invalid key": lambda place: place.pyproject(
        'buckets = ["reports"]\nobjects = {"reports/../a" = "a"}'
    ),
    "a watched table without a database": lambda place: place.pyproject('watch = ["totals"]'),
    "a rule for evidence with a wrong pattern": lambda place: place.pyproject(
        'normalise = [{pattern = "job-(", word = "JOB"}]'
    ),
    "a CSV seed without a header": lambda place: write_seed(place, "empty.csv", ""),
    "a CSV seed whose table does not exist": lambda place: write_seed(place, "rows.csv", "a\n1\n"),
    "a missing seed object": lambda place: place.pyproject('buckets = ["reports"]\nobjects = {"reports/a" = "none"}'),
    "a seed object without a key": lambda place: place.pyproject(
        'buckets = ["reports"]\nobjects = {reports = "pyproject.toml"}'
    ),
    "a watched table of an undeclared database": lambda place: place.pyproject('watch = ["shp.totals"]'),
    "a connection that refers to an unknown value": lambda place: place.pyproject(
        'connections = {shop = "${postgres.shop}"}'
    ),
    "a connection with a mistyped name": lambda place: place.pyproject('connections = {shop = "${minio.uri}"}'),
    "an Airflow setting that the harness needs": lambda place: place.pyproject('config.core.dags_folder = "x"'),
    "a list of DAG bundles": lambda place: place.pyproject(f'environment.{BUNDLES} = "[]"'),
    "Airflow variables that differ in case": lambda place: place.pyproject('variables = {limit = "1", LIMIT = "2"}'),
    "a passed variable of a cloud": lambda place: place.pyproject('pass_environment = ["AWS_PROFILE"]'),
    "a passed variable of the run itself": lambda place: place.pyproject('pass_environment = ["HOME"]'),
    "a missing folder of the Python path": lambda place: place.pyproject('pythonpath = ["none"]'),
    "a missing plugins folder": lambda place: place.pyproject('plugins_folder = "none"'),
    "an empty dags folder": lambda place: (place.folder / "dags" / "greets.py").unlink(),
    "two services with the same fixed port": lambda place: place.pyproject("minio_port = 9000\naws_port = 9000"),
    "a fixed port": lambda place: place.pyproject("minio_port = 19321"),
    "a missing Airflow interpreter": lambda place: place.env.update(HARNESS_AIRFLOW_PYTHON="/no/python"),
    "a timeout that is no number of seconds": lambda place: place.scenario(
        "world.run('greets', '2021-01-01', timeout=0)"
    ),
    "a scenario that reads a missing object": missing_object,
    "an earlier run in a state that Airflow does not have": lambda place: (place.folder / "test_it.py").write_text(
        "def test_it(world):\n    world.earlier_run('orders', '2021-01-01', state='ok')\n"
    ),
    "a combination with an invalid name": lambda place: place.pyproject('matrix."../next".to = []'),
    "a combination with an invalid target": lambda place: place.pyproject('matrix.next.to = ["3.3.2"]'),
    "a combination that leaves out a missing scenario": lambda place: place.pyproject(
        'matrix.next.without = {"test_no.py" = "no engine"}'
    ),
    "the lock of another tool": lambda place: (place.folder / "poetry.lock").touch(),
    "a package index that does not answer": lambda place: place.env.update(
        UV_DEFAULT_INDEX="http://127.0.0.1:9/simple", UV_HTTP_RETRIES="0"
    ),
    "a version that the index lacks, and packages that conflict": small_index,
    "no package index": lambda place: place.env.update(UV_NO_INDEX="1", UV_OFFLINE="1"),
    "evidence of another schema": lambda place: evidence_of_b(place, '"schema_version":4', '"schema_version":3'),
    "truncated evidence": lambda place: evidence_of_b(place, "}]}", ""),
    "evidence nested too deeply": lambda place: evidence_of_b(place, '"runs":[', '"runs":[' + "[" * 5000),
    "evidence with a huge number": lambda place: evidence_of_b(place, '"exit_code":0', '"exit_code":1e999'),
    "evidence of other scenarios": lambda place: evidence_of_b(place, "::test_prices", "::test_other"),
    "evidence without its session": no_session,
    "a damaged document of an upgrade check": damaged_upgrade,
    "a missing shard": lambda place: evidence_of_b(place, shard=(1, 2)),
    "an archive that leads out of itself": archive_outside,
    "a file of evidence that is too large": large_file,
    "an archive that unpacks to too much": large_archive,
    "an accepted entry with a wrong date": lambda place: accepted_entry(place, "x", '"soon"'),
    "an accepted entry without a reason": lambda place: accepted_entry(place, "", "2027-01-31"),
    "an image without Airflow": lambda place: use_airflow_image(place, catalogue_image(SETTINGS, "python")),
    "an image for another architecture": lambda place: use_airflow_image(place, other_architecture.load_image()),
    "an image whose entrypoint runs no Python": lambda place: use_airflow_image(
        place, catalogue_image(SETTINGS, "relay")
    ),
    "an Airflow image that can't be pulled": lambda place: use_airflow_image(place, "127.0.0.1:9/airflow:1"),
    "no engine": lambda place: place.env.update(DOCKER_HOST=NOTHING_LISTENS),
    "a file where a folder is needed": a_file_in_the_way,
    "state files of an older version": write_old_state,
    "corrupt state files": write_damaged_state,
    "a stack with a killed service": half_up,
    "another `harness up` at the same moment": another_up,
    "a full disk": full_disk,
    "a test run that uses the kept services": used,
    "a test run in progress": under_way,
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
        re.findall(r"^\| situation", PAGE.read_text(), re.M)
    ), "every row must match ROW"
    return found


@pytest.fixture(scope="module")
def project(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Path]:
    """Use one path for all rows, so that one warm host serves them, and separate runtime folders."""
    folder = tmp_path_factory.mktemp("rows") / "project"
    # pytest's temporary folder is too long for the path of a socket.
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
    made = Place(folder, {**environment(pytestconfig.rootpath), "NO_COLOR": "1"})
    made.scenario("world.run('greets', '2021-01-01')")
    made.pyproject("")
    with made.ends:
        yield made
    remove_kept(folder)


def run(place: Place, command: str) -> subprocess.CompletedProcess[str]:
    """Execute the command: `harness ...` in a fork, which has imported the harness, anything else in a new process."""
    if command.startswith("harness ") and not place.before:
        return call_in_fork(shlex.split(command), place.folder, place.env, timeout=120)
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
def test_an_error_is_one_line_and_leaves_nothing_behind(row: Row, place: Place) -> None:
    if row.command.startswith(SHOW_HOSTS):  # An earlier row of this worker may have left a warm host.
        end_hosts(hosts_folder(place.folder))
    GIVEN[row.given](place)
    before = left_in(place)

    done = run(place, row.command)

    assert done.returncode == row.code, done.stdout + done.stderr
    output = done.stderr if row.command.startswith("harness") and row.code == 2 else done.stdout + done.stderr
    expected = re.compile(".*".join(re.escape(part) for part in row.says.replace("``", "`").split("...")))
    if place.other:
        assert place.other.communicate(timeout=60)[0] == done.stdout
        assert place.other.returncode == 0
    lines = [line.removeprefix("ERROR: ") for line in output.splitlines() if line]
    assert any(expected.fullmatch(line) for line in lines), output
    assert "Traceback" not in output
    if row.command.startswith("harness") and row.code == 2:
        assert len([line for line in lines if not re.match(r"\[ .* s\] ", line)]) == 1, "the error is one line"
        assert left_in(place) == before


def left_in(place: Place) -> set[str]:
    """Return the files of the project, its state files, and the folders of its kept stacks."""
    files = {str(file) for file in place.folder.rglob("*") if "__pycache__" not in file.parts}
    session = ServiceSession(place.folder, None)
    return files | {file.name for file in session.folder.glob("*.json")} | set(map(str, list_kept_folders(session)))
