"""`harness run --debug`: a debugger in a task has the terminal."""

from __future__ import annotations

import os
import pty
import select
import subprocess
import sys
import time
from pathlib import Path

import pytest

from harness.cli import main
from harness.settings import Settings
from tests.outer import environment

DAG = """
import datetime as dt
from airflow import DAG
from airflow.providers.standard.operators.python import PythonOperator

def stop():
    number = 21
    breakpoint()
    return number

with DAG(dag_id="stops", start_date=dt.datetime(2020, 1, 1), schedule=None):
    PythonOperator(task_id="stop", python_callable=stop)
"""
TIMEOUT = 120


@pytest.mark.at_length
def test_breakpoint_in_a_task_opens_the_debugger(tmp_path: Path, harness_settings: Settings) -> None:
    (tmp_path / "dags").mkdir()
    (tmp_path / "dags" / "stops.py").write_text(DAG)
    (tmp_path / "pyproject.toml").write_text('[tool.harness]\ndags_folder = "dags"\nstack = "embedded"\n')
    ours, theirs = pty.openpty()
    env = {**environment(harness_settings.root), "HARNESS_CACHE_DIR": str(harness_settings.cache_dir)}
    process = subprocess.Popen(
        [sys.executable, "-m", "harness", "run", "stops", "2021-01-01", "--debug"],
        cwd=tmp_path,
        env=env,
        stdin=theirs,
        stdout=theirs,
        stderr=theirs,
        start_new_session=True,
    )
    os.close(theirs)
    try:
        read_until(ours, b"(Pdb) ")
        os.write(ours, b"p number * 2\n")
        assert b"42" in read_until(ours, b"(Pdb) ")
        os.write(ours, b"continue\n")
        read_until(ours, b"stops for 2021-01-01: succeeded")
        assert process.wait(TIMEOUT) == 0
    finally:
        process.kill()
        process.wait()
        os.close(ours)


def read_until(terminal: int, text: bytes) -> bytes:
    """Return what the terminal shows up to `text`."""
    shown, deadline = b"", time.monotonic() + TIMEOUT
    while text not in shown:
        assert select.select([terminal], [], [], deadline - time.monotonic())[0], shown.decode(errors="replace")
        try:
            shown += os.read(terminal, 4096)
        except OSError:  # the command has ended
            raise AssertionError(shown.decode(errors="replace")) from None
    return shown


@pytest.mark.parametrize("option", [["--json"], ["--runner", "warm"]])
def test_options_that_need_a_recorded_run_are_refused(option: list[str], capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["run", "stops", "2021-01-01", "--debug", *option]) == 2
    assert "error: --debug runs at the terminal by a runner of its own: remove" in capsys.readouterr().err
