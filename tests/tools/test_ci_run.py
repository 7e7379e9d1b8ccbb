from __future__ import annotations

import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

from tests.tools.place import Place

JUNIT = '<testsuites><testsuite tests="5" failures="1" errors="1" skipped="1"/></testsuites>'


@pytest.fixture
def clone(place: Place) -> Place:
    place.take(".ci/run")
    tools = place.folder / "tools"
    tools.mkdir()
    (tools / "engine").write_text(f'#!{place.bin}/sh\necho "$1 $HARNESS_ENGINE_STATE" >>"$HOME/engine-calls"\n')
    (tools / "engine").chmod(0o755)
    python = place.folder / ".venv" / "bin" / "python"
    python.parent.mkdir(parents=True)
    python.symlink_to(sys.executable)
    return place


def makefile(place: Place, *recipe: str) -> None:
    (place.folder / "Makefile").write_text("test:\n" + "".join(f"\t@{line}\n" for line in recipe))


def test_a_successful_run_prints_a_summary(clone: Place) -> None:
    (clone.folder / "junit").write_text(JUNIT)
    makefile(clone, 'echo "CI is $$CI"', "mkdir -p .harness/junit", "cp junit .harness/junit/unit.xml")
    done = clone.run("bash", str(clone.folder / ".ci/run"))
    assert done.returncode == 0, done.stderr
    assert "CI is true" in done.stdout
    assert done.stdout.splitlines()[-1] == "unit: 2 passed, 2 failed, 1 skipped"
    assert "CI is true" in (clone.folder / ".harness/logs/ci.log").read_text()


def test_the_exit_code_is_makes_and_the_engine_is_stopped(clone: Place) -> None:
    makefile(clone, "echo on the way", "exit 3")
    done = clone.run("bash", ".ci/run")
    assert done.returncode == 2
    assert "on the way" in done.stdout
    state = clone.folder / ".harness" / "engine"
    assert (clone.folder / "engine-calls").read_text().splitlines()[-1] == f"stop {state}"


def test_a_signal_reaches_the_children_of_make(clone: Place) -> None:
    child = clone.folder / "child.py"
    child.write_text(
        "import pathlib, time\n"
        "try:\n    pathlib.Path('up').touch(); time.sleep(60)\n"
        "except KeyboardInterrupt:\n    pathlib.Path('interrupted').touch()\n"
    )
    makefile(clone, f"{sys.executable} child.py")
    with subprocess.Popen(["bash", ".ci/run"], cwd=clone.folder, env=clone.env, stdin=subprocess.DEVNULL) as run:
        _await(clone.folder / "up")
        run.send_signal(signal.SIGTERM)
        assert run.wait(timeout=20) == 143
    assert (clone.folder / "interrupted").exists()
    assert (clone.folder / "engine-calls").read_text().count("stop") == 2


def _await(file: Path) -> None:
    deadline = time.monotonic() + 20
    while not file.exists():
        assert time.monotonic() < deadline
        time.sleep(0.05)
