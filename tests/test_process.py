from __future__ import annotations

import os
import signal
import subprocess
import sys
from pathlib import Path

import pytest
from tenacity import retry, stop_after_delay, wait_fixed

from harness.airflow.process import execute

PYTHON = sys.executable


def test_output_and_exit_code(tmp_path: Path) -> None:
    script = "import sys; print('out', flush=True); print('err', file=sys.stderr); sys.exit(3)"
    done = execute([PYTHON, "-c", script], {}, tmp_path, tmp_path / "log", 30)
    assert (done.exit_code, done.log.split()) == (3, ["out", "err"])


def test_the_environment_is_only_what_was_given(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("AWS_PROFILE", "production")
    done = execute([PYTHON, "-c", "import os; print(sorted(os.environ))"], {"A": "1"}, tmp_path, tmp_path / "log", 30)
    assert "AWS_PROFILE" not in done.log
    assert "'A'" in done.log


def test_time_is_bounded_and_children_go_too(tmp_path: Path) -> None:
    script = "import subprocess, sys; c = subprocess.Popen(['sleep', '600']); print(c.pid, flush=True); c.wait()"
    done = execute([PYTHON, "-c", script], {"PATH": os.environ["PATH"]}, tmp_path, tmp_path / "log", 2)
    assert done.exit_code is None
    await_gone(int(done.log))


@pytest.mark.skipif(sys.platform != "linux", reason="not run: only Linux can tie a child to its parent's life")
def test_a_killed_parent_takes_its_run_along(tmp_path: Path) -> None:
    script = f"""
import sys
from pathlib import Path
from harness.airflow.process import execute
execute([sys.executable, "-c", "import os, time; print(os.getpid(), flush=True); time.sleep(600)"],
        {{}}, Path({str(tmp_path)!r}), Path({str(tmp_path / "log")!r}), 600)
"""
    with subprocess.Popen([PYTHON, "-c", script]) as parent:
        child = await_pid(tmp_path / "log")
        parent.send_signal(signal.SIGKILL)
    await_gone(child)


@retry(stop=stop_after_delay(20), wait=wait_fixed(0.05))
def await_pid(file: Path) -> int:
    return int(file.read_text())


@retry(stop=stop_after_delay(20), wait=wait_fixed(0.05))
def await_gone(pid: int) -> None:
    """A zombie that nobody has waited for yet counts as gone."""
    status = Path(f"/proc/{pid}/stat")
    assert not status.exists() or status.read_text().split()[2] == "Z"
