"""Row 10: comparison with pytest-airflow-in-a-box, which uses one SQLite database."""

from __future__ import annotations

import hashlib
import shutil
import statistics
import subprocess
import venv
from pathlib import Path

from benchmarks import inner
from benchmarks.figures import BenchmarkError, Goal, Line
from benchmarks.kept import down, end_hosts

ENV = inner.WORK / "in-a-box"
LOCKS = (inner.ROOT / "requirements" / "airflow-3.3.txt", inner.HERE / "in_a_box_env" / "requirements.txt")
TIMES = 20
FEW = 5


def against(turns: int) -> list[Line]:
    """Measure twenty scenarios without a host, twenty with one, and twenty of the plugin."""
    python = _environment()
    kept = ("--harness-runner", "warm", "--harness-reuse")
    more = {"BENCH_TIMES": str(TIMES)}
    ours = inner.project("against-in-a-box", "many")
    theirs = _their_project()
    cold: list[inner.Session] = []
    warm: list[inner.Session] = []
    other: list[inner.Session] = []
    try:
        inner.run_pytest(ours, *kept, more=more | {"BENCH_TIMES": "1"})
        for _ in range(turns):
            end_hosts(ours)
            cold.append(inner.run_pytest(ours, *kept, more=more))
            warm.append(inner.run_pytest(ours, *kept, more=more))
            other.append(inner.run_pytest(theirs, f"--dag-folder={theirs / 'dags'}", python=python, more=more))
    finally:
        down(ours)
    shell = f"{TIMES} of them from a shell prompt, services up"
    theirs_in_shell = tuple(session.seconds for session in other)
    return [
        Line(
            row=10,
            key="10 each added",
            what="each added empty scenario / each added test of pytest-airflow-in-a-box 0.13.1",
            unit="s",
            ours=tuple(_added(session) for session in warm),
            against=tuple(_added(session) for session in other),
            goal=Goal(3),
            note=f"setup, call and teardown: median of the tests {FEW + 1} to {TIMES - 1} of {TIMES}",
        ),
        Line(
            row=10,
            key="10 twenty cold",
            what=f"{shell}, no warm host / pytest-airflow-in-a-box",
            unit="s",
            ours=tuple(session.seconds for session in cold),
            against=theirs_in_shell,
            goal=Goal(1.5),
        ),
        Line(
            row=10,
            key="10 twenty warm",
            what=f"{shell}, warm host alive / pytest-airflow-in-a-box",
            unit="s",
            ours=tuple(session.seconds for session in warm),
            against=theirs_in_shell,
            goal=Goal(0.6),
        ),
    ]


def _added(session: inner.Session) -> float:
    """Return the median without the first tests and the last one, which include start and end."""
    return statistics.median(session.of("test_")[FEW:-1])


def _their_project() -> Path:
    folder = inner.project("in-a-box", "in_a_box")
    (folder / "conftest.py").unlink()
    (folder / "pyproject.toml").write_text("[tool.pytest.ini_options]\n")
    shutil.copytree(inner.HERE / "dags", folder / "dags", ignore=shutil.ignore_patterns("__pycache__"))
    return folder


def _environment() -> Path:
    """Return the Python of an environment with Airflow and the plugin, creating it if needed."""
    python, stamp = ENV / "bin" / "python", ENV / "made-from"
    digest = hashlib.sha256(b"".join(lock.read_bytes() for lock in LOCKS)).hexdigest()
    if stamp.is_file() and stamp.read_text() == digest:
        return python
    shutil.rmtree(ENV, ignore_errors=True)
    venv.create(ENV, with_pip=False)
    for lock in LOCKS:
        command = [str(inner.ROOT / "tools" / "environment"), "uv", "pip", "install", "--python", str(python)]
        result = subprocess.run([*command, "--no-deps", "-r", str(lock)], capture_output=True, text=True, check=False)
        if result.returncode != 0:
            raise BenchmarkError(f"uv can't install {lock}: {result.stderr[-1000:]}")
    stamp.write_text(digest)
    return python
