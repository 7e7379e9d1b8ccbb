"""The supervisor ends its processes, and ends with the process that launched it."""

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
from harness.services.embedded.processes import Process, SupervisorClient, end_kept_stack, is_alive, list_kept_stacks
from harness.services.embedded.supervisor import LOCK
from tests.mounts import with_mounts

SERVER = "import time; print('here', flush=True); time.sleep(600)"
LAUNCH = """
import sys, time
from pathlib import Path
from harness.services.embedded.processes import SupervisorClient
supervisor_client = SupervisorClient.launch(Path("/session") if sys.argv[1] == "kept" else None)
supervisor_client.start("sleeper", [sys.executable, "-c", "import time; time.sleep(600)"], {})
print(supervisor_client.folder, flush=True)
time.sleep(600)
"""


def python(script: str) -> list[str]:
    return [sys.executable, "-c", script]


def processes_in(folder: Path) -> list[int]:
    """Return the ids of live processes whose working folder is `folder`."""
    pids = []
    for process in Path("/proc").glob("[0-9]*"):
        try:
            if (process / "cwd").resolve() == folder:
                pids.append(int(process.name))
        except OSError:
            continue
    return pids


def await_gone(folder: Path) -> bool:
    waiting = Retrying(stop=stop_after_delay(20), wait=wait_fixed(0.05), retry=retry_if_result(lambda done: not done))
    return bool(waiting(lambda: not folder.exists() and not processes_in(folder)))


@pytest.fixture
def supervisor_client() -> SupervisorClient:
    return SupervisorClient.launch(None)


def test_a_process_serves_until_it_is_released(supervisor_client: SupervisorClient) -> None:
    process = supervisor_client.start("sleeper", python(SERVER), {})
    process.await_ready(lambda: process.read_log_tail(1).index("here"), 20)
    (pid,) = processes_in(supervisor_client.folder)
    assert is_alive(supervisor_client.folder)

    supervisor_client.release()

    with pytest.raises(ProcessLookupError):
        os.kill(pid, 0)
    assert not supervisor_client.folder.exists()
    assert not is_alive(supervisor_client.folder)


def test_the_error_of_an_exited_process_has_its_last_lines(supervisor_client: SupervisorClient) -> None:
    process = supervisor_client.start("short", python("print('no such thing'); raise SystemExit(3)"), {})
    with pytest.raises(ServiceError, match=r"short ended with exit code 3. Its last lines: no such thing"):
        process.await_ready(lambda: 1 / 0, 20)
    supervisor_client.release()


def test_a_full_disk_is_reported_if_the_supervisor_can_not_write(tmp_path: Path) -> None:
    """The supervisor's lock is the first file that does not fit."""
    full = f"mount -t tmpfs -o size=4k none {tmp_path} && ! cat /dev/zero 2>/dev/null >{tmp_path}/all"
    command = [sys.executable, "-S", "-E", supervisor.__file__, str(tmp_path)]
    process = subprocess.Popen([*with_mounts(full), *command], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)
    supervisor_client = SupervisorClient(tmp_path, process, kept=False)

    with pytest.raises(
        ServiceError, match=f"^web can't be started: the disk is full at {tmp_path.parent}: free some space"
    ):
        supervisor_client.start("web", ["true"], {})

    supervisor_client.release()


def test_a_missing_program_is_an_error(supervisor_client: SupervisorClient) -> None:
    with pytest.raises(ServiceError, match=r"missing can't be started: .*No such file"):
        supervisor_client.start("missing", ["/no/such/program"], {})
    supervisor_client.release()


def test_a_process_has_exactly_the_given_environment(
    supervisor_client: SupervisorClient, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("AWS_PROFILE", "mine")
    script = "import os; print(sorted(os.environ)); print('end')"
    process = supervisor_client.start("shows", python(script), {"ONLY": "this"})
    with pytest.raises(ServiceError):
        process.await_ready(lambda: 1 / 0, 20)
    output = process.read_log_tail(2)
    supervisor_client.release()
    assert "'ONLY'" in output
    assert "AWS_PROFILE" not in output


@pytest.mark.parametrize("kept", ["kept", "not-kept"])
def test_only_a_kept_stack_survives_the_process_that_launched_it(kept: str) -> None:
    with subprocess.Popen([sys.executable, "-c", LAUNCH, kept], stdout=subprocess.PIPE, text=True) as owner:
        assert owner.stdout is not None
        folder = Path(owner.stdout.readline().strip())
        owner.send_signal(signal.SIGKILL)
    if kept == "kept":
        Process("sleeper", folder).check()
        assert is_alive(folder)
        assert (folder, Path("/session")) in list_kept_stacks()
        assert end_kept_stack(folder)
        assert not end_kept_stack(folder), "it ended already"
    assert await_gone(folder)


@pytest.mark.parametrize("kept_for", [Path("/session"), None], ids=["kept", "not-kept"])
def test_a_release_causes_no_warning(kept_for: Path | None) -> None:
    supervisor_client = SupervisorClient.launch(kept_for)
    folder = supervisor_client.folder
    supervisor_client.start("sleeper", python(SERVER), {})
    gc.collect()  # Garbage of other tests.
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        supervisor_client.release()
        del supervisor_client
        gc.collect()
    if kept_for:
        end_kept_stack(folder)
    assert [str(warning.message) for warning in caught] == []


@pytest.mark.skipif(sys.platform != "linux", reason="only Linux ends a process with its parent")
def test_the_processes_of_a_killed_supervisor_end(supervisor_client: SupervisorClient) -> None:
    supervisor_client.start("sleeper", python(SERVER), {})
    os.kill(int((supervisor_client.folder / LOCK).read_text()), signal.SIGKILL)
    supervisor_client.release()
    assert await_gone(supervisor_client.folder)


BORROW = """
import sys
from pathlib import Path
from harness.services.embedded.processes import SupervisorClient
folder = Path(sys.argv[1])
supervisor_client = SupervisorClient.launch(folder, folder / "owner.lock")
supervisor_client.start("sleeper", [sys.executable, "-c", "import time; time.sleep(600)"], {})
print(supervisor_client.folder, flush=True)
supervisor_client.release()
"""
OWN = """
import sys, time
from filelock import FileLock
lock = FileLock(sys.argv[1])
lock.acquire()
print("owned", flush=True)
time.sleep(600)
"""


def test_a_borrowed_stack_outlives_its_process_and_ends_with_its_owner(tmp_path: Path) -> None:
    owner = subprocess.Popen([*python(OWN), str(tmp_path / "owner.lock")], stdout=subprocess.PIPE, text=True)
    try:
        assert owner.stdout
        assert owner.stdout.readline() == "owned\n"
        borrowed = subprocess.run([*python(BORROW), str(tmp_path)], stdout=subprocess.PIPE, text=True, check=True)
        folder = Path(borrowed.stdout.strip())
        assert is_alive(folder)
        assert processes_in(folder)
    finally:
        owner.kill()
        owner.communicate()
    assert await_gone(folder)
