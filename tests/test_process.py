from __future__ import annotations

import os
import signal
import subprocess
import sys
from pathlib import Path

import pytest
from tenacity import retry, stop_after_delay, wait_fixed

from harness.airflow.runners.process import execute

PYTHON = sys.executable


def test_output_and_exit_code(tmp_path: Path) -> None:
    script = "import sys; print('out', flush=True); print('err', file=sys.stderr); sys.exit(3)"
    done = execute([PYTHON, "-c", script], {}, tmp_path, tmp_path / "log", 30)
    assert (done.exit_code, done.log.split()) == (3, ["out", "err"])


def test_the_environment_contains_only_given_variables(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("AWS_PROFILE", "production")
    done = execute([PYTHON, "-c", "import os; print(sorted(os.environ))"], {"A": "1"}, tmp_path, tmp_path / "log", 30)
    assert "AWS_PROFILE" not in done.log
    assert "'A'" in done.log


def test_a_timeout_ends_the_command_and_its_children(tmp_path: Path) -> None:
    script = "import subprocess, sys; c = subprocess.Popen(['sleep', '600']); print(c.pid, flush=True); c.wait()"
    done = execute([PYTHON, "-c", script], {"PATH": os.environ["PATH"]}, tmp_path, tmp_path / "log", 2)
    assert done.exit_code is None
    await_gone(int(done.log))


SLEEPER = "import os, time; print(os.getpid(), flush=True); time.sleep(600)"
# BashOperator starts a process in a new session too, which signals to the run's process group don't reach.
OTHER_SESSION = f"""
import subprocess, sys
subprocess.Popen([sys.executable, "-c", {SLEEPER!r}], start_new_session=True).wait()
"""
needs_proc = pytest.mark.skipif(sys.platform != "linux", reason="not run: needs /proc")


@needs_proc
def test_a_timeout_ends_a_child_in_another_session(tmp_path: Path) -> None:
    done = execute([PYTHON, "-c", OTHER_SESSION], {}, tmp_path, tmp_path / "log", 2)
    assert done.exit_code is None
    await_gone(int(done.log))


@needs_proc
def test_children_end_with_the_command(tmp_path: Path) -> None:
    leaves = OTHER_SESSION.replace(".wait()", ".poll()")
    done = execute([PYTHON, "-c", leaves + "\nimport time; time.sleep(0.5)"], {}, tmp_path, tmp_path / "log", 60)
    assert done.exit_code == 0
    await_gone(int(done.log))


@needs_proc
@pytest.mark.parametrize("script", [SLEEPER, OTHER_SESSION], ids=["ordinary", "own session"])
@pytest.mark.parametrize("sent", [signal.SIGKILL, signal.SIGINT], ids=["kill -9", "Ctrl-C"])
def test_a_stopped_test_process_ends_its_run(tmp_path: Path, script: str, sent: signal.Signals) -> None:
    outer = f"""
import sys
from pathlib import Path
from harness.airflow.runners.process import execute
execute([sys.executable, "-c", {script!r}], {{}}, Path({str(tmp_path)!r}), Path({str(tmp_path / "log")!r}), 600)
"""
    with subprocess.Popen([PYTHON, "-c", outer], stderr=subprocess.DEVNULL) as parent:
        child = await_pid(tmp_path / "log")
        parent.send_signal(sent)
    await_gone(child)


@retry(stop=stop_after_delay(20), wait=wait_fixed(0.05))
def await_pid(file: Path) -> int:
    return int(file.read_text())


@retry(stop=stop_after_delay(20), wait=wait_fixed(0.05))
def await_gone(pid: int) -> None:
    """Wait until the process has ended; a zombie counts as ended."""
    status = Path(f"/proc/{pid}/stat")
    assert not status.exists() or status.read_text().split()[2] == "Z"
