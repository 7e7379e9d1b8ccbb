"""`harness watch` as a command: the scenarios of a save, broken files, and Ctrl-C."""

from __future__ import annotations

import os
import re
import signal
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest
from tenacity import Retrying, retry_if_exception_type, stop_after_delay, wait_fixed

from harness.engine import LABEL_SESSION, connect
from harness.services.containers import list_labelled
from harness.services.session import ServiceSession
from harness.settings import Settings
from tests.outer import environment, project

pytestmark = pytest.mark.engine

TEST = """
def test_one(world):
    assert world.run("one", "2020-01-01").xcoms["work", "return_value"] == "done"

def test_two(world):
    world.run("two", "2020-01-01")
"""
DAG = """
import datetime as dt, time
from pathlib import Path
from airflow import DAG
from airflow.providers.standard.operators.python import PythonOperator

def work():
    {work}
    return "done"

with DAG("{dag_id}", schedule=None, start_date=dt.datetime(2020, 1, 1, tzinfo=dt.UTC)):
    PythonOperator(task_id="work", python_callable=work)
"""
VERDICT = re.compile(r"^(PASSED|FAILED|BROKEN|NOTHING): .*\d s from (start|save); watching\n", re.M)


class Watch:
    """A running `harness watch` of a project with two scenarios, and its output."""

    def __init__(self, folder: Path, root: Path) -> None:
        self.folder, self._env = project(folder, TEST), environment(root)
        self.dags, self._output, self._read = folder / "dags", folder.with_suffix(".log"), 0
        (folder / "pyproject.toml").write_text('[tool.harness]\ndags_folder = "dags"\n')
        self.dags.mkdir()
        for dag_id in ("one", "two"):
            self.save(dag_id)
        with self._output.open("wb") as output:
            self._process = subprocess.Popen(
                [sys.executable, "-m", "harness", "watch", "-p", "no:cacheprovider"],
                cwd=folder,
                env=self._env,
                stdout=output,
                stderr=subprocess.STDOUT,
            )

    def save(self, dag_id: str, work: str = "pass") -> None:
        (self.dags / f"{dag_id}.py").write_text(DAG.format(dag_id=dag_id, work=work))

    def round(self) -> str:
        """Return the output up to the next verdict."""

        def attempt() -> str:
            assert self._process.poll() is None, self._output.read_text()
            text = self._output.read_text()[self._read :]
            verdict = VERDICT.search(text)
            if not verdict:
                raise LookupError(f"no verdict: {text}")
            self._read += verdict.end()
            return text[: verdict.end()]

        return retry(attempt)

    def end(self) -> tuple[int, str]:
        """Send Ctrl-C, as a terminal does; return the exit code and the whole output."""
        self._process.send_signal(signal.SIGINT)
        return self._process.wait(60), self._output.read_text()

    def clean_up(self) -> None:
        if self._process.poll() is None:
            self.end()
        subprocess.run([sys.executable, "-m", "harness", "down"], cwd=self.folder, env=self._env, check=True)


def retry(attempt):  # type: ignore[no-untyped-def]
    return Retrying(
        stop=stop_after_delay(120), wait=wait_fixed(0.05), retry=retry_if_exception_type(LookupError), reraise=True
    )(attempt)


@pytest.fixture
def watch(tmp_path: Path, harness_settings: Settings) -> Iterator[Watch]:
    running = Watch(tmp_path.resolve() / "project", harness_settings.root)
    yield running
    running.clean_up()


def list_processes(folder: Path) -> list[str]:
    """Return the command lines that name the folder."""
    lines = []
    for process in Path("/proc").glob("[0-9]*"):
        try:
            line = (process / "cmdline").read_bytes().decode(errors="replace")
        except OSError:
            continue
        if str(folder) in line and process.name != str(os.getpid()):
            lines.append(line.replace("\0", " "))
    return lines


@pytest.mark.at_length
def test_a_save_runs_the_affected_scenarios_until_ctrl_c(watch: Watch) -> None:
    first = watch.round()
    assert "running every scenario\n" in first
    assert "PASSED: 2 passed" in first

    watch.save("one", 'print("changed")')
    changed = watch.round()
    assert "saved dags/one.py\nrunning test_it.py::test_one\n" in changed
    assert "PASSED: 1 passed" in changed

    watch.save("one", "return 'else'")
    failed = watch.round()
    assert "running test_it.py::test_one\n" in failed
    assert "assert 'else' == 'done'" in failed
    assert "FAILED: 1 failed" in failed

    watch.save("one", "syntax error")
    broken = watch.round()
    assert "one.py: SyntaxError" in broken
    assert "FAILED: 1 failed" in broken

    watch.save("one")
    fixed = watch.round()
    assert "running test_it.py::test_one\n" in fixed
    assert "PASSED: 1 passed" in fixed

    (watch.folder / "test_it.py").write_text(TEST + "\nnonsense(")
    uncollected = watch.round()
    assert "running test_it.py\n" in uncollected
    assert "SyntaxError" in uncollected
    assert "BROKEN: 1 not collected, no scenario ran" in uncollected

    (watch.folder / "test_it.py").write_text(TEST + "\ndef test_third(world):\n    world.run('two', '2020-01-02')\n")
    assert "PASSED: 3 passed" in watch.round()

    (watch.folder / "conftest.py").write_text("nonsense(")
    assert "BROKEN: pytest did not finish" in watch.round()
    (watch.folder / "conftest.py").write_text('pytest_plugins = ["harness.plugin"]\n')
    assert "PASSED: 3 passed" in watch.round()

    watch.save("two")
    assert "running test_it.py::test_third, test_it.py::test_two\n" in watch.round()

    code, text = watch.end()
    assert code == 0
    assert "Traceback" not in text.split("did not finish")[-1]
    assert text.endswith("keep running; `python -m harness down` ends them\n")
    assert list_processes(watch.folder) == []
    kept = list_labelled(connect(), {LABEL_SESSION: ServiceSession(watch.folder, None).ident})
    assert {container.status for container in kept} == {"running"}


@pytest.mark.at_length
def test_ctrl_c_ends_the_current_round(watch: Watch) -> None:
    watch.round()
    pid_file = watch.folder.parent / "started"
    watch.save("one", f'import os; Path("{pid_file}").write_text(str(os.getpid())); time.sleep(600)')

    def read_pid() -> int:
        if not (pid_file.exists() and pid_file.read_text()):
            raise LookupError("the task has not started")
        return int(pid_file.read_text())

    task = retry(read_pid)
    code, text = watch.end()

    assert code == 0
    assert text.endswith("ends them\n")
    assert not Path(f"/proc/{task}").exists()
    assert list_processes(watch.folder) == []
