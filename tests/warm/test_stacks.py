"""A run that times out prints the Python stacks of its processes, with both runners."""

from __future__ import annotations

import re
import sys
from pathlib import Path

import pytest

from harness.airflow.stacks import find_place, split_stacks
from tests.warm.stub import Place

pytestmark = pytest.mark.skipif(sys.platform != "linux", reason="not run: the warm runner is for Linux")

HANGS = """
import subprocess, sys, threading, time

def sleeps():
    time.sleep(600)

def waits():
    counts = "def counts():\\n    while True: pass\\ncounts()"
    subprocess.Popen([sys.executable, "-c", counts], start_new_session=True).wait()

subprocess.Popen(["sleep", "600"])
threading.Thread(target=sleeps, daemon=True).start()
print("printed", end="", flush=True)
waits()
"""


def test_a_timeout_prints_the_stacks_of_all_threads_and_processes(stub_both: Place) -> None:
    done = stub_both.run(HANGS, timeout=3)

    assert done.exit_code is None
    printed, stacks = split_stacks(done.log.splitlines())
    assert [line for line in printed if line] == ["printed"]
    text = "\n".join(stacks)
    names = re.findall(r"^stacks of process \d+: .*|in (counts|waits|sleeps)$", text, re.M)
    assert sorted(names) == ["", "", "counts", "sleeps", "waits"], text
    assert names.index("counts") == 1, "a child's stack comes before its parent's"


STACKS = """
stacks of process 8: python -m airflow dags test etl 2021-01-01
Fatal Python error: Aborted

Current thread 0x00007f1 (most recent call first):
  File "/project/dags/etl.py", line 3 in watch
  File "/usr/lib/python3.12/threading.py", line 1012 in run

Thread 0x00007f2 (most recent call first):
  File "/usr/lib/python3.12/site-packages/requests/api.py", line 59 in get
  File "/project/dags/lib/load.py", line 21 in fetch
  File "/project/dags/etl.py", line 40 in load
  File "/site-packages/airflow/sdk/bases/operator.py", line 397 in wrapper

Extension modules: psycopg2._psycopg (total: 1)
"""


def test_the_place_is_the_innermost_line_of_the_dags_folder() -> None:
    assert find_place(STACKS, Path("/project/dags")) == "lib/load.py, line 21, in fetch"
    assert find_place(STACKS, Path("/other")) is None
    assert find_place("no stacks", Path("/project/dags")) is None
