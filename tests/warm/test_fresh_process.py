"""A fork of the host starts with the process state of a fresh process, after any changes by earlier runs."""

from __future__ import annotations

import json
import sys
from pathlib import Path

import pytest

from harness.airflow.runners.process import execute as fresh
from harness.airflow.runners.warm import WarmRunner
from tests.warm.stub import Place

pytestmark = pytest.mark.skipif(sys.platform != "linux", reason="not run: the warm runner is for Linux")

# All readable state that the interpreter, the C library and the kernel keep for a process.
LOOK = """
import asyncio, builtins, ctypes, decimal, faulthandler, gc, importlib, json, locale, logging, os, resource, signal
import socket, sys, tempfile, threading, time, warnings

def status(name):
    with open("/proc/self/status") as lines:
        return next(line.split(None, 1)[1].strip() for line in lines if line.startswith(name))

def files():
    for number in range(3, 500):
        try:
            yield os.readlink(f"/proc/self/fd/{number}").partition(":")[0]
        except OSError:
            pass

def simply(thing):
    return str(thing).split(" at 0x")[0]

libc = ctypes.CDLL(None)
mask = os.umask(0o22)
os.umask(mask)
try:
    import harness.airflow.inside
    ours = "importable"
except ImportError:
    ours = None
main = sys.modules["__main__"]
hooks = [getattr(sys, name) for name in ("excepthook", "displayhook", "unraisablehook", "breakpointhook")]
limits = [name for name in dir(resource) if name.startswith("RLIMIT_")]
print(json.dumps({
    "environ": dict(os.environ),
    "argv": [sys.argv, sys.orig_argv[1] == "-c", len(sys.orig_argv)],
    "flags": [str(sys.flags), sys._xoptions, sys.warnoptions, sys.dont_write_bytecode, sys.flags.safe_path],
    "path": sys.path,
    "finders": [[simply(one) for one in sys.meta_path], [getattr(one, "__name__", "") for one in sys.path_hooks]],
    "cwd": os.getcwd(),
    "folders": [tempfile.gettempdir(), os.path.expanduser("~")],
    "stdin": [sys.stdin.read(), os.read(0, 10).decode(), sys.stdin.isatty()],
    "streams": [(one.name, one.encoding, one.errors, one.line_buffering, one.write_through, type(one).__name__)
                for one in (sys.stdin, sys.stdout, sys.stderr)],
    "signals": {str(one): simply(signal.getsignal(one)) for one in signal.valid_signals()},
    "kernel's signals": [status(name) for name in ("SigBlk", "SigIgn", "SigPnd")],
    # SIGUSR1 prints the stacks of a warm run.
    "caught signals": int(status("SigCgt"), 16) & ~(1 << signal.SIGUSR1 - 1),
    "umask": mask,
    "limits": {name: resource.getrlimit(getattr(resource, name)) for name in limits},
    "scheduling": [os.nice(0), sorted(os.sched_getaffinity(0)), open("/proc/self/oom_score_adj").read()],
    "files": sorted(files()),
    "threads": [one.name for one in threading.enumerate()],
    "native threads": status("Threads"),
    "logging": [logging.getLogger().level, len(logging.getLogger().handlers), logging.root.manager.disable],
    "warnings": [str(one) for one in warnings.filters],
    "locale": [locale.setlocale(locale.LC_ALL), locale.getpreferredencoding()],
    "zone": [time.tzname, time.timezone, time.strftime("%z")],
    "settings": [socket.getdefaulttimeout(), str(decimal.getcontext()), sys.getrecursionlimit(),
                 sys.getswitchinterval(), faulthandler.is_enabled(), sys.get_int_max_str_digits()],
    "hooks": [simply(one) for one in (*hooks, threading.excepthook, sys.gettrace(), sys.getprofile())],
    "collector": [gc.get_threshold(), gc.isenabled(), gc.get_debug(), gc.callbacks],
    "main": [main.__name__, sorted(name for name in vars(main) if not name.startswith("__"))],
    "builtins": sorted(dir(builtins)),
    "group": [os.getsid(0) == os.getpid(), os.getpgid(0) == os.getpid()],
    "user": [os.getuid(), os.geteuid(), os.getgid(), os.getgroups()],
    "dumpable": libc.prctl(3, 0, 0, 0, 0),
    "loop": simply(asyncio.get_event_loop_policy()),
    "children": open(f"/proc/self/task/{os.getpid()}/children").read(),
    "harness": ours,
    "ended": threading._shutdown_locks_lock.locked() if hasattr(threading, "_shutdown_locks_lock") else False,
}))
"""
# A run that changes all of its process's state.
VANDAL = """
import builtins, decimal, faulthandler, gc, locale, logging, os, random, resource, signal, socket, sys, tempfile
import threading, time, warnings
os.environ["LEFT_BEHIND"] = "1"
os.environ["TZ"] = "Asia/Tokyo"
os.environ["HOME"] = "/"
time.tzset()
os.chdir("/")
os.umask(0)
for one in (1, 2, 10, 12, 15, 17):
    signal.signal(one, lambda *_: None)
signal.pthread_sigmask(signal.SIG_BLOCK, [10])
sys.path.insert(0, "/nowhere")
sys.modules["json"] = None
sys.argv.append("more")
sys.setrecursionlimit(5000)
sys.excepthook = sys.displayhook = print
sys.stdout.reconfigure(encoding="ascii")
tempfile.tempdir = "/nowhere"
logging.basicConfig(level=1)
logging.disable(50)
warnings.simplefilter("error")
locale.setlocale(locale.LC_ALL, "C")
socket.setdefaulttimeout(3)
decimal.getcontext().prec = 3
gc.disable()
gc.set_threshold(1)
faulthandler.enable()
builtins.left = len
builtins.open = None
resource.setrlimit(resource.RLIMIT_NOFILE, (64, 64))
os.nice(5)
os.sched_setaffinity(0, {min(os.sched_getaffinity(0))})
random.seed(1)
os.setpgid(0, 0) if os.getsid(0) != os.getpid() else None
held = [os.open("/etc/passwd", os.O_RDONLY) for _ in range(9)]
sys.stdin.close()
sys.meta_path.clear()
open_thread = threading.Thread(target=time.sleep, args=(600,), daemon=True)
open_thread.start()
print("done")
"""


@pytest.fixture(scope="module")
def looks(
    stub_hosts: WarmRunner, stub_airflow: Path, tmp_path_factory: pytest.TempPathFactory
) -> list[dict[str, object]]:
    """The state of a fresh process, and of a fork after a run that changed all state."""
    found: list[dict[str, object]] = []
    for execute in (fresh, stub_hosts.execute):
        place = Place(tmp_path_factory.mktemp("looks"), stub_airflow, execute)
        assert place.get_output(VANDAL) == "done"
        text = place.get_output(LOOK).replace(str(place.folder), "FOLDER")
        found.append(json.loads(text.splitlines()[-1]))
    return found


# Variables that differ for each run or runner.
OWN = (
    "AIRFLOW__API_AUTH__JWT_SECRET",
    "AIRFLOW__CORE__FERNET_KEY",
    "AIRFLOW__DATABASE__SQL_ALCHEMY_CONN",
    "PGSERVICEFILE",
)
WHAT = [line.split('"')[1] for line in LOOK.splitlines() if line.startswith('    "')]


@pytest.mark.parametrize("what", WHAT)
def test_a_fork_has_the_process_state_of_a_fresh_process(looks: list[dict[str, object]], what: str) -> None:
    by_fresh, by_fork = (dict(look) for look in looks)
    if what == "environ":
        for look in (by_fresh, by_fork):
            look[what] = {name: value for name, value in dict(look[what]).items() if name not in OWN}  # type: ignore[call-overload]
    assert by_fork[what] == by_fresh[what]


DRAWS = """
import os, random, secrets, uuid
print(random.random(), random.Random().random(), uuid.uuid4(), uuid.uuid1(), secrets.token_hex(8), os.urandom(8).hex())
try:
    import numpy
    print(numpy.random.random(), numpy.random.default_rng().random())
except ImportError:
    pass
"""


def test_random_numbers_differ_between_runs(stub: Place) -> None:
    draws = [stub.get_output(DRAWS).split() for _ in range(3)]
    drawn = [one for draw in draws for one in draw]
    assert len(set(drawn)) == len(drawn)


def test_seeded_numbers_are_equal_with_both_runners(stub: Place) -> None:
    script = (
        "import random; random.seed(3); print(random.random())\n"
        "import numpy; numpy.random.seed(3); print(numpy.random.random())"
    )
    assert stub.get_output(script) == Place(stub.folder / "fresh", stub.airflow, fresh).get_output(script)


ZONE = "import time, datetime; print(time.tzname, datetime.datetime.fromtimestamp(0).hour, time.localtime(0).tm_hour)"


def test_a_time_zone_does_not_leak_into_the_next_run(stub_both: Place) -> None:
    assert "'JST'" in stub_both.get_output(ZONE, env={"TZ": "Asia/Tokyo"})
    assert stub_both.get_output(ZONE) == "('UTC', 'UTC') 0 0"


def test_a_run_sees_only_its_variables(stub_both: Place) -> None:
    script = "import os; print(os.environ.get('GIVEN'), os.getenv('GIVEN'), os.popen('echo [$GIVEN]').read().strip())"
    assert stub_both.get_output(script, env={"GIVEN": "once"}) == "once once [once]"
    assert stub_both.get_output(script) == "None None []"


def test_a_run_has_the_callers_umask(stub_both: Place, monkeypatch: pytest.MonkeyPatch) -> None:
    import os

    before = os.umask(0o027)
    try:
        assert stub_both.get_output("import os; print(oct(os.umask(0)))") == "0o27"
    finally:
        os.umask(before)


def test_a_run_has_the_callers_limits(stub_both: Place) -> None:
    """A host keeps its initial limits, so each set of limits has another host."""
    import resource

    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    script = "import resource; print(resource.getrlimit(resource.RLIMIT_NOFILE)[0])"
    resource.setrlimit(resource.RLIMIT_NOFILE, (soft - 7, hard))
    try:
        assert stub_both.get_output(script) == str(soft - 7)
    finally:
        resource.setrlimit(resource.RLIMIT_NOFILE, (soft, hard))
    assert stub_both.get_output(script) == str(soft)


def test_project_modules_are_imported_again_in_each_run(stub_both: Place) -> None:
    """These modules are on PYTHONPATH, which a host has from its start."""
    module = stub_both.airflow / "of_the_project.py"
    script = "import of_the_project; print(of_the_project.VALUE)"
    try:
        for value in (1, 22, 333):
            module.write_text(f"VALUE = {value}\n")
            assert stub_both.get_output(script) == str(value)
    finally:
        module.unlink()
    assert "ModuleNotFoundError" in stub_both.run(script).log


def test_a_change_of_equal_length_within_one_second_is_detected(stub: Place) -> None:
    """Python validates bytecode by the source's length and second of change; a warm run takes less than a second."""
    module = stub.airflow / "quickly_changed.py"
    script = "import quickly_changed; print(quickly_changed.VALUE)"
    try:
        for value in range(5):
            module.write_text(f"VALUE = {value}\n")
            assert stub.get_output(script) == str(value)
    finally:
        module.unlink()


def test_a_project_may_have_a_package_named_harness(stub_both: Place) -> None:
    package = stub_both.airflow / "harness"
    package.mkdir()
    try:
        (package / "__init__.py").write_text("MINE = True\n")
        assert stub_both.get_output("import harness; print(harness.MINE)") == "True"
    finally:
        (package / "__init__.py").unlink()
        for left in sorted(package.rglob("*"), reverse=True):
            left.rmdir() if left.is_dir() else left.unlink()
        package.rmdir()


def test_a_folder_on_the_path_may_be_created_later(stub_both: Place) -> None:
    late = stub_both.folder / "late"
    place = Place(stub_both.folder / "place", stub_both.airflow, stub_both.execute)
    path = {"PYTHONPATH": f"{stub_both.airflow}:{late}"}
    assert place.get_output("print(1)", env=path) == "1"
    late.mkdir()
    (late / "came_later.py").write_text("")
    assert place.get_output("import came_later; print(2)", env=path) == "2"
