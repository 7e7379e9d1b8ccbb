"""The warm host: access, lifetime, resources, and its runs when the host fails."""

from __future__ import annotations

import gc
import os
import shutil
import signal
import socket
import stat
import subprocess
import sys
import threading
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest
from tenacity import Retrying, stop_after_delay, wait_fixed

from harness.airflow.runners import warm
from harness.airflow.runners.warm import WarmRunner, end_hosts, living_hosts
from harness.errors import HostLostError
from harness.runtime_dir import RuntimeDirError, hosts_folder, runtime_dir
from harness.settings import Settings
from tests.warm.stub import Place, create_runner, get_host_pid, list_open_files, measure_memory, write_stub
from tests.warm.support import await_gone, is_alive

pytestmark = pytest.mark.skipif(sys.platform != "linux", reason="not run: the warm runner is for Linux")

ROOT = Path(__file__).parents[2]
MakeHosts = Callable[..., WarmRunner]


@pytest.fixture
def place(stub_airflow: Path, tmp_path: Path, own_hosts: MakeHosts) -> Place:
    """Runs by a host that no other test uses."""
    return Place(tmp_path, stub_airflow, own_hosts().execute)


def list_hosts(place: Place) -> list[Path]:
    return sorted((place.folder / "hosts").glob("*/socket"))


def get_only_host(place: Place) -> int:
    (path,) = list_hosts(place)
    return get_host_pid(path)


def get_parent(pid: int) -> int:
    return int(Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[1])


def eventually(check: Callable[[], object]) -> None:
    Retrying(stop=stop_after_delay(10), wait=wait_fixed(0.02), reraise=True)(check)


def begin(place: Place, script: str) -> tuple[threading.Thread, list[object], Path]:
    """Start a run in a thread; return the thread, a list for the result, and the log, which has the process id."""
    log = place.folder / f"home-{place.homes + 1}" / "run.log"
    outcome: list[object] = []

    def run() -> None:
        try:
            outcome.append(place.run(f"import os; print(os.getpid(), flush=True)\n{script}"))
        except BaseException as error:
            outcome.append(error)

    thread = threading.Thread(target=run)
    thread.start()
    eventually(lambda: log.read_text().index("\n"))
    return thread, outcome, log


def test_one_host_serves_successive_runs(place: Place) -> None:
    parents = {place.get_output("import os; print(os.getppid())") for _ in range(3)}
    assert parents == {str(get_only_host(place))}


def test_a_busy_host_is_found(place: Place) -> None:
    thread, _outcome, log = begin(place, "import time; time.sleep(600)")
    assert list(living_hosts(place.folder / "hosts").values()) == [get_only_host(place)]
    os.kill(int(log.read_text().split()[0]), signal.SIGKILL)
    thread.join()


def test_a_host_is_private_to_its_user(place: Place, harness_settings: Settings) -> None:
    place.get_output("pass")
    (path,) = list_hosts(place)
    assert stat.S_IMODE(path.parent.lstat().st_mode) == 0o700
    folder = hosts_folder(harness_settings.root)
    for one in (folder, folder.parent, folder.parent.parent):
        assert stat.S_IMODE(one.lstat().st_mode) == 0o700, one
        assert one.lstat().st_uid == os.getuid()


def test_each_checkout_has_its_hosts(tmp_path: Path) -> None:
    first, second = (hosts_folder(tmp_path / name) for name in ("one", "two"))
    assert first != second
    assert hosts_folder(tmp_path / "one" / ".." / "one") == first
    for made in (first, second):
        shutil.rmtree(made.parent)


@pytest.mark.parametrize("what", ["mode", "link", "file"])
def test_a_folder_that_is_not_private_is_refused(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, what: str) -> None:
    monkeypatch.setenv("XDG_RUNTIME_DIR", str(tmp_path))
    base = tmp_path / "airflow-scenario-harness"
    if what == "mode":
        base.mkdir(mode=0o700)
        base.chmod(0o750)
    elif what == "link":
        (tmp_path / "elsewhere").mkdir(mode=0o700)
        base.symlink_to(tmp_path / "elsewhere")
    else:
        base.write_text("")
    with pytest.raises(RuntimeDirError, match="is not private to this user") as refused:
        runtime_dir(tmp_path)
    assert "\n" not in str(refused.value)


@pytest.mark.skipif(os.getuid() != 0, reason="not run: only root can give a folder away")
def test_a_folder_of_another_user_is_refused(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("XDG_RUNTIME_DIR", str(tmp_path))
    base = tmp_path / "airflow-scenario-harness"
    base.mkdir(mode=0o700)
    os.chown(base, 12345, -1)
    with pytest.raises(RuntimeDirError, match="is not private to this user"):
        runtime_dir(tmp_path)


def test_an_idle_host_ends(place: Place, own_hosts: MakeHosts) -> None:
    place.execute = own_hosts(idle=0.5).execute
    place.get_output("pass")
    host = get_only_host(place)
    supervisor = get_parent(host)
    await_gone(host)
    await_gone(supervisor)
    assert living_hosts(place.folder / "hosts") == {}
    assert place.get_output("print('again')") == "again"


def test_a_long_run_keeps_the_host_alive(place: Place, own_hosts: MakeHosts) -> None:
    place.execute = own_hosts(idle=0.3).execute
    assert place.get_output("import time; time.sleep(1); print('done')") == "done"


def test_end_hosts_lets_the_current_run_finish(place: Place) -> None:
    thread, outcome, _ = begin(place, "import time; time.sleep(1); print('done')")
    host = get_only_host(place)
    assert end_hosts(place.folder / "hosts") == 1
    assert list_hosts(place) == []
    assert place.get_output("import os; print(os.getppid())") != str(host), "the next run has another host"
    thread.join()
    assert outcome[0].exit_code == 0, outcome  # type: ignore[attr-defined]
    await_gone(host)
    assert list_hosts(place), "the ended host did not remove its successor's socket"
    assert end_hosts(place.folder / "hosts") == 1


def test_a_host_inherits_no_open_files(place: Place) -> None:
    """`pytest | cat` ends although the host keeps running."""
    script = f"""
import sys
sys.path.insert(0, {str(ROOT)!r})
from pathlib import Path
from tests.warm.stub import Place, create_runner
folder = Path({str(place.folder)!r})
print(Place(folder, Path({str(place.airflow)!r}), create_runner(folder / "hosts").execute).get_output("print(42)"))
"""
    with (place.folder / "held").open("w") as held:
        os.set_inheritable(held.fileno(), True)
        done = subprocess.run(
            [sys.executable, "-c", script],
            stdin=subprocess.PIPE,
            capture_output=True,
            text=True,
            timeout=30,
            check=False,
            close_fds=False,
        )
    assert done.stdout == "42\n", done.stderr
    host = get_only_host(place)
    assert is_alive(host)
    names = [
        name for name in list_open_files(host) if not name.startswith(("socket:", "anon_inode:", "pipe:", "/dev/"))
    ]
    assert all(name.startswith(str(place.folder / "hosts")) for name in names), names
    assert os.getsid(host) == host


def assert_idle(host: int) -> None:
    """Assert that the host has no run and no client, only its listener."""
    assert Path(f"/proc/{host}/task/{host}/children").read_text() == ""
    assert len([name for name in list_open_files(host) if name.startswith("socket:")]) == 1


@pytest.mark.filterwarnings("error")
def test_a_host_that_outlives_its_starter_causes_no_warning(place: Place) -> None:
    """Python warns about children that no call waits for, and some projects turn warnings into failures."""
    place.get_output("pass")
    gc.collect()


def test_memory_does_not_grow_with_each_run(place: Place) -> None:
    for _ in range(3):
        place.get_output("pass")
    host = get_only_host(place)
    eventually(lambda: assert_idle(host))
    before, files = measure_memory(host), len(list_open_files(host))
    for _ in range(50):
        place.get_output("x = bytearray(1 << 20)")
    assert measure_memory(host) - before < 4 << 20
    eventually(lambda: assert_idle(host))
    assert len(list_open_files(host)) == files


def test_concurrent_runs_are_isolated(place: Place) -> None:
    place.get_output("pass")
    script = """
import os, sys, time
name = os.environ["NAME"]
open("mine", "w").write(name)
os.environ["SEEN"] = name
time.sleep(0.3)
assert os.environ["SEEN"] == open("mine").read() == name
assert os.listdir() and name in os.getcwd() + name
if name == "3":
    os.kill(os.getpid(), 9)
if name == "4":
    os.killpg(0, 15)
print(name)
"""
    homes = [place.home() for _ in range(5)]

    def one(number: int) -> tuple[int | None, str]:
        home = homes[number]
        env = place.environment(home, {"NAME": str(number)})
        done = place.execute([sys.executable, "-c", script], env, home, home / "run.log", 30)
        return done.exit_code, done.log.strip()

    with ThreadPoolExecutor(5) as pool:
        outcomes = list(pool.map(one, range(5)))
    special = {3: (-9, ""), 4: (-15, "")}
    assert outcomes == [special.get(number, (0, str(number))) for number in range(5)]
    assert len(list_hosts(place)) > 1, "a host executes one run at a time"


def test_a_killed_host_ends_its_run_and_is_replaced(place: Place) -> None:
    script = """
import subprocess, sys, time
child = subprocess.Popen([sys.executable, "-c", "import time; time.sleep(600)"], start_new_session=True, env={})
print(child.pid, flush=True)
time.sleep(600)
"""
    thread, outcome, log = begin(place, script)
    eventually(lambda: log.read_text().splitlines()[1])
    run, child = map(int, log.read_text().split())
    host = get_only_host(place)
    os.kill(host, signal.SIGKILL)
    thread.join()
    assert isinstance(outcome[0], HostLostError)
    host_log = list_hosts(place)[0].parent / "log"
    assert str(outcome[0]) == f"the warm host, process {host}, ended during the run: see {host_log}, then run again"
    await_gone(run)
    await_gone(child)
    assert list_hosts(place), "the killed host left its socket"
    assert place.get_output("print('next')") == "next"
    assert get_only_host(place) != host


def collect_remarks(runner: WarmRunner) -> list[str]:
    lines: list[str] = []
    runner.remark = lines.append
    return lines


def test_a_run_that_does_not_begin_uses_a_new_process(
    place: Place, own_hosts: MakeHosts, monkeypatch: pytest.MonkeyPatch
) -> None:
    runner = own_hosts()
    remarks = collect_remarks(runner)
    place.execute = runner.execute
    place.get_output("pass")
    host = get_only_host(place)
    os.kill(host, signal.SIGSTOP)
    monkeypatch.setattr(warm, "BEGIN_TIMEOUT", 0.5)
    assert place.get_output("import os; print(os.getppid())") != str(host)
    await_gone(host)
    (remark,) = remarks
    assert remark.startswith(f"runner: process for one run, because the warm host, process {host}, did not begin")
    monkeypatch.undo()
    assert place.get_output("import os; print(os.getppid())") == str(get_only_host(place)), (
        "the next run has a host again"
    )


def test_a_failing_fork_falls_back_to_a_new_process(place: Place, own_hosts: MakeHosts) -> None:
    """If the run's folder is missing, a second host fails too, and the error of the process runner is raised."""
    runner = own_hosts()
    remarks = collect_remarks(runner)
    home = place.home()
    with pytest.raises(FileNotFoundError):
        runner.execute([sys.executable, "-c", ""], place.environment(home), home / "none", home / "log", 9)
    assert len(remarks) == 1


def test_a_hanging_host_is_killed(place: Place, own_hosts: MakeHosts) -> None:
    """A host without a session is killed; one in use gets SIGTERM and completes its run."""
    runner = own_hosts()
    place.execute = runner.execute
    place.get_output("pass")
    host = get_only_host(place)
    runner.close()
    os.kill(host, signal.SIGSTOP)
    assert end_hosts(place.folder / "hosts") == 1
    await_gone(host)


@pytest.mark.parametrize("sent", [b"", b"no json\n", b"[]\n", b'{"do": "run"}\n', b'{"do"', b"\x00" * 100000 + b"\n"])
def test_malformed_requests_are_ignored(place: Place, sent: bytes) -> None:
    place.get_output("pass")
    host = get_only_host(place)
    with socket.socket(socket.AF_UNIX) as one:
        one.connect(str(list_hosts(place)[0]))
        one.sendall(sent)
    assert place.get_output("print('well')") == "well"
    assert get_only_host(place) == host


OUTER = """
import sys, os
sys.path.insert(0, {root!r})
from pathlib import Path
from tests.warm.stub import Place, create_runner
folder = Path({folder!r})
place = Place(folder / "outer", Path({airflow!r}), create_runner(folder / "hosts").execute)
place.run("import os, time; print(os.getpid(), flush=True); time.sleep(600)")
"""


@pytest.mark.parametrize("sent", [signal.SIGKILL, signal.SIGINT], ids=["kill -9", "Ctrl-C"])
def test_a_stopped_test_process_ends_its_run_but_not_the_host(place: Place, sent: signal.Signals) -> None:
    place.get_output("pass")
    host = get_only_host(place)
    script = OUTER.format(root=str(ROOT), folder=str(place.folder), airflow=str(place.airflow))
    log = place.folder / "outer" / "home-1" / "run.log"
    with subprocess.Popen([sys.executable, "-c", script], stderr=subprocess.DEVNULL) as outer:
        eventually(lambda: log.read_text().index("\n"))
        run = int(log.read_text())
        assert is_alive(run)
        outer.send_signal(sent)
        outer.wait()
        if sent == signal.SIGINT:
            assert not is_alive(run), "the run has ended when the call returns"
    await_gone(run)
    assert place.get_output("import os; print(os.getppid())") == str(host)


def stale(path: Path) -> None:
    with socket.socket(socket.AF_UNIX) as old:
        old.bind(str(path))


def regular(path: Path) -> None:
    path.write_text("")


@pytest.mark.parametrize("leave", [stale, regular])
def test_the_socket_of_a_dead_host_is_replaced(
    place: Place, own_hosts: MakeHosts, leave: Callable[[Path], None]
) -> None:
    path = place.socket_path(own_hosts())
    path.parent.mkdir()
    leave(path)
    assert place.get_output("print('well')") == "well"


def test_a_too_long_path_falls_back_to_process(place: Place) -> None:
    deep = place.folder / ("deep" * 30)
    deep.mkdir()
    runner = create_runner(deep)
    remarks = collect_remarks(runner)
    place.execute = runner.execute
    assert [place.get_output("print(1)") for _ in range(2)] == ["1", "1"]
    (remark,) = remarks
    assert remark.startswith("runner: process, because no warm host could be started, see ")
    assert "AF_UNIX path too long" in next(deep.glob("*/log")).read_text()


def test_a_failing_start_falls_back_to_process(place: Place, own_hosts: MakeHosts) -> None:
    broken = place.folder / "broken" / "airflow"
    broken.mkdir(parents=True)
    (broken / "__init__.py").write_text("import no_such_module_at_all\n")
    runner = own_hosts()
    remarks = collect_remarks(runner)
    place.execute = runner.execute
    assert [place.get_output("print(1)", env={"PYTHONPATH": str(broken.parent)}) for _ in range(2)] == ["1", "1"]
    log = next((place.folder / "hosts").glob("*/log"))
    assert remarks == [
        f"runner: process, because no warm host could be started, see {log}; HARNESS_RUNNER=process avoids this line"
    ]
    assert "no_such_module_at_all" in log.read_text()


def test_a_projects_service_file_falls_back_to_process(place: Place, own_hosts: MakeHosts) -> None:
    runner = own_hosts()
    remarks = collect_remarks(runner)
    place.execute = runner.execute
    script = "import os; print(os.environ['PGSERVICEFILE'])"
    assert place.get_output(script, env={"PGSERVICEFILE": "/own"}) == "/own"
    assert remarks == [
        "runner: process, because the warm runner needs the variable PGSERVICEFILE, which this project sets; "
        "HARNESS_RUNNER=process avoids this line"
    ]


def test_repeated_stale_hosts_fall_back_to_process(place: Place, own_hosts: MakeHosts) -> None:
    place.airflow = write_stub(place.folder / "own")
    changing = place.airflow / "airflow" / "settings.py"
    runner = own_hosts()
    remarks = collect_remarks(runner)
    place.execute = runner.execute
    for number in range(4):
        with changing.open("a") as file:
            file.write(f"CHANGED = {number}\n")
        assert place.get_output("import airflow.settings; print(airflow.settings.CHANGED)") == str(number)
    assert remarks == [
        f"runner: process, because the warm host keeps going stale ({changing} has changed); "
        "HARNESS_RUNNER=process avoids this line"
    ]


def test_concurrent_sessions_use_different_hosts(place: Place, own_hosts: MakeHosts) -> None:
    script = "import os; print(os.getppid())"
    first, second = own_hosts(), own_hosts()
    parents = []
    for runner in (first, second):
        place.execute = runner.execute
        parents.append(place.get_output(script))
    assert parents[0] != parents[1]
    first.close()
    second.close()
    place.execute = own_hosts().execute
    assert place.get_output(script) == parents[0], "the session takes the first free host"


def test_the_home_of_a_run_is_its_folder(place: Place) -> None:
    assert place.get_output("import os; print(os.environ['HOME'])") == str(place.folder / "home-1")


def test_sigusr1_prints_the_stacks_of_a_run(place: Place) -> None:
    thread, _outcome, log = begin(place, "import time\ndef waits(): time.sleep(600)\nwaits()")
    run = int(log.read_text().split()[0])
    os.kill(run, signal.SIGUSR1)
    eventually(lambda: log.read_text().index("in waits"))
    os.kill(run, signal.SIGKILL)
    thread.join()


def test_a_changed_loaded_file_replaces_the_host(place: Place) -> None:
    settings = place.airflow / "airflow" / "settings.py"
    place.get_output("pass")
    host = get_only_host(place)
    text = settings.read_text()
    try:
        settings.write_text(text + "CHANGED = True\n")
        assert place.get_output("import airflow.settings; print(airflow.settings.CHANGED)") == "True"
    finally:
        settings.write_text(text)
    assert get_only_host(place) != host
    await_gone(host)


def test_a_file_changed_during_the_warm_up_replaces_the_host(place: Place) -> None:
    """The host may have read the file before the change, which later comparisons can't detect."""
    place.airflow = write_stub(place.folder / "own")
    with (place.airflow / "airflow" / "__main__.py").open("a") as main:
        main.write("""
from pathlib import Path
file = Path(airflow.settings.__file__)
if "CHANGED" not in file.read_text():
    file.write_text(file.read_text() + "CHANGED = True\\n")
""")
    assert place.get_output("import airflow.settings; print(airflow.settings.CHANGED)") == "True"


def test_a_file_changed_before_preloading_replaces_the_host(place: Place) -> None:
    """Preloading records the loaded files again, and must not hide an earlier change."""
    place.airflow = write_stub(place.folder / "own")
    place.get_output("""
import airflow.settings, wsgiref.util
with open(airflow.settings.__file__, "a") as file:
    file.write("CHANGED = True\\n")
""")
    assert place.get_output("import airflow.settings; print(airflow.settings.CHANGED)") == "True"


@pytest.mark.parametrize("name", ["new-1.0.dist-info", "new.pth", "new.egg-link"])
def test_a_new_package_replaces_the_host(place: Place, name: str) -> None:
    """The package may be in any folder on sys.path, here one of PYTHONPATH."""
    packages = place.folder / "packages"
    packages.mkdir()
    place.extra = {"PYTHONPATH": f"{place.airflow}:{packages}"}
    script = """
import importlib.metadata, os
print(os.getppid(), sorted(one.name for one in importlib.metadata.distributions() if one.name == "new"))
"""
    first = place.get_output(script)
    assert place.get_output(script) == first
    if name.endswith("dist-info"):
        (packages / name).mkdir()
        (packages / name / "METADATA").write_text("Metadata-Version: 2.1\nName: new\nVersion: 1.0\n")
    else:
        (packages / name).write_text("")
    second = place.get_output(script)
    assert second.split()[0] != first.split()[0]
    assert ("new" in second) == name.endswith("dist-info")


def test_another_startup_environment_uses_another_host(place: Place) -> None:
    script = "import os; print(os.getppid())"
    first = place.get_output(script)
    assert place.get_output(script, env={"AIRFLOW__CORE__PARALLELISM": "3"}) != first
    assert place.get_output(script, env={"AIRFLOW_CONFIG": "/etc/airflow.cfg"}) != first
    assert place.get_output(script, env={"AIRFLOW_VAR_X": "3"}) == first
    assert place.get_output(script) == first
