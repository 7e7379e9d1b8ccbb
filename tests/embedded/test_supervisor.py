"""The keeper: what it started ends with it, and it ends with whoever began it, also by kill -9."""

from __future__ import annotations

import gc
import os
import signal
import subprocess
import sys
import warnings
from pathlib import Path

import pytest
from tenacity import Retrying, retry_if_result, stop_after_delay, wait_fixed

from harness.errors import ServiceError
from harness.services.embedded import supervisor
from harness.services.embedded.processes import Process, SupervisorClient, end_kept, kept_stacks, lives
from harness.services.embedded.supervisor import LOCK
from tests.mounts import behind

LISTENS = "import time; print('here', flush=True); time.sleep(600)"
BEGINS = """
import sys, time
from pathlib import Path
from harness.services.embedded.processes import SupervisorClient
keeping = SupervisorClient.begin(Path("/session") if sys.argv[1] == "kept" else None)
keeping.start("sleeper", [sys.executable, "-c", "import time; time.sleep(600)"], {})
print(keeping.folder, flush=True)
time.sleep(600)
"""


def python(script: str) -> list[str]:
    return [sys.executable, "-c", script]


def processes_in(folder: Path) -> list[int]:
    """The living processes whose working folder it is, a zombie has none."""
    found = []
    for process in Path("/proc").glob("[0-9]*"):
        try:
            if (process / "cwd").resolve() == folder:
                found.append(int(process.name))
        except OSError:
            continue
    return found


def gone(folder: Path) -> bool:
    waiting = Retrying(stop=stop_after_delay(20), wait=wait_fixed(0.05), retry=retry_if_result(lambda done: not done))
    return bool(waiting(lambda: not folder.exists() and not processes_in(folder)))


@pytest.fixture
def keeping() -> SupervisorClient:
    return SupervisorClient.begin(None)


def test_a_process_serves_until_it_is_released(keeping: SupervisorClient) -> None:
    process = keeping.start("sleeper", python(LISTENS), {})
    process.await_ready(lambda: process.tail(1).index("here"), 20)
    (pid,) = processes_in(keeping.folder)
    assert lives(keeping.folder)

    keeping.release()

    with pytest.raises(ProcessLookupError):
        os.kill(pid, 0)
    assert not keeping.folder.exists()
    assert not lives(keeping.folder)


def test_one_that_ends_is_told_with_its_last_words(keeping: SupervisorClient) -> None:
    process = keeping.start("short", python("print('no such thing'); raise SystemExit(3)"), {})
    with pytest.raises(ServiceError, match=r"short ended with exit code 3. Its last lines: no such thing"):
        process.await_ready(lambda: 1 / 0, 20)
    keeping.release()


def test_a_full_disk_is_told_by_whichever_process_meets_it(tmp_path: Path) -> None:
    """It may be the keeper's first word that does not fit."""
    full = f"mount -t tmpfs -o size=4k none {tmp_path} && ! cat /dev/zero 2>/dev/null >{tmp_path}/all"
    command = [sys.executable, "-S", "-E", supervisor.__file__, str(tmp_path)]
    begun = subprocess.Popen([*behind(full), *command], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)
    keeping = SupervisorClient(tmp_path, begun, kept=False)

    with pytest.raises(ServiceError, match=f"^web can't be started: the disk is full at {tmp_path.parent}: make room"):
        keeping.start("web", ["true"], {})

    keeping.release()


def test_one_that_cant_be_started_is_told(keeping: SupervisorClient) -> None:
    with pytest.raises(ServiceError, match=r"missing can't be started: .*No such file"):
        keeping.start("missing", ["/no/such/program"], {})
    keeping.release()


def test_a_process_has_the_environment_that_it_is_given_and_no_other(
    keeping: SupervisorClient, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("AWS_PROFILE", "mine")
    process = keeping.start("shows", python("import os; print(sorted(os.environ)); print('end')"), {"ONLY": "this"})
    with pytest.raises(ServiceError):
        process.await_ready(lambda: 1 / 0, 20)
    shown = process.tail(2)
    keeping.release()
    assert "'ONLY'" in shown
    assert "AWS_PROFILE" not in shown


@pytest.mark.parametrize("kept", ["kept", "not-kept"])
def test_whoever_began_it_is_killed(kept: str) -> None:
    with subprocess.Popen([sys.executable, "-c", BEGINS, kept], stdout=subprocess.PIPE, text=True) as owner:
        assert owner.stdout is not None
        folder = Path(owner.stdout.readline().strip())
        owner.send_signal(signal.SIGKILL)
    if kept == "kept":
        Process("sleeper", folder).check()
        assert lives(folder)
        assert (folder, Path("/session")) in kept_stacks()
        assert end_kept(folder)
        assert not end_kept(folder), "there is none any more"
    assert gone(folder)


@pytest.mark.parametrize("kept_for", [Path("/session"), None], ids=["kept", "not-kept"])
def test_python_has_nothing_to_warn_of_after_a_release(kept_for: Path | None) -> None:
    keeping = SupervisorClient.begin(kept_for)
    folder = keeping.folder
    keeping.start("sleeper", python(LISTENS), {})
    gc.collect()  # what others left
    with warnings.catch_warnings(record=True) as told:
        warnings.simplefilter("always")
        keeping.release()
        del keeping
        gc.collect()
    if kept_for:
        end_kept(folder)
    assert [str(one.message) for one in told] == []


@pytest.mark.skipif(sys.platform != "linux", reason="only Linux ends a process with its parent")
def test_a_keeper_that_is_killed_takes_its_processes_along(keeping: SupervisorClient) -> None:
    keeping.start("sleeper", python(LISTENS), {})
    os.kill(int((keeping.folder / LOCK).read_text()), signal.SIGKILL)
    keeping.release()
    assert gone(keeping.folder)
