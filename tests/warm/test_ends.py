"""Both runners report each kind of end of a run in the same way, and no descendant of the run survives."""

from __future__ import annotations

import sys
from pathlib import Path

import pytest

from harness.airflow.runners import ProcessResult
from tests.warm.stub import Place
from tests.warm.support import await_gone

pytestmark = pytest.mark.skipif(sys.platform != "linux", reason="not run: the warm runner is for Linux")


@pytest.mark.parametrize(
    ("script", "code", "output"),
    [
        ("import sys; sys.exit(0)", 0, ""),
        ("import sys; sys.exit(3)", 3, ""),
        ("import sys; sys.exit(257)", 1, ""),
        ("import sys; sys.exit(-1)", 255, ""),
        ("import sys; sys.exit(True)", 1, ""),
        ("import sys; sys.exit('a text')", 1, "a text"),
        ("import sys; sys.exit(None)", 0, ""),
        ("import os; os._exit(3)", 3, ""),
        ("import os; os._exit(70)", 70, ""),
        ("import sys; sys.exit(70)", 70, ""),
        ("import os, signal; os.kill(os.getpid(), signal.SIGKILL)", -9, ""),
        ("import os, signal; os.kill(os.getpid(), signal.SIGTERM)", -15, ""),
        ("import os, signal; os.killpg(os.getpgid(0), signal.SIGTERM)", -15, ""),
        ("import os; os.abort()", -6, ""),
        ("import ctypes; ctypes.string_at(0)", -11, ""),
        ("raise KeyboardInterrupt", -2, "KeyboardInterrupt"),
        ("import os, signal, time; os.kill(os.getpid(), signal.SIGINT); time.sleep(9)", -2, "KeyboardInterrupt"),
        ("no_such_name", 1, "NameError: name 'no_such_name' is not defined"),
        ("def f(): f()\nf()", 1, "RecursionError: maximum recursion depth exceeded"),
        ("import atexit, sys; atexit.register(print, 'at the end'); sys.exit(4)", 4, "at the end"),
        ("import threading, time; threading.Timer(0.2, lambda: print('late')).start()", 0, "late"),
        ("import threading, time; threading.Thread(target=time.sleep, args=(600,), daemon=True).start()", 0, ""),
        ("class A(BaseException): pass\nraise A('own')", 1, "A: own"),
        ("import sys; sys.excepthook = lambda *a: print('hooked'); raise ValueError", 1, "hooked"),
        ("import sys; sys.stdout.write('no newline')", 0, "no newline"),
        ("import os; os.closerange(3, 200); open('mine', 'w').write('x')", 0, ""),
        ("import sys; sys.stdout.close()", 0, ""),
        ("def f(\n", 1, "SyntaxError"),
    ],
)
def test_exit_codes(stub_both: Place, script: str, code: int, output: str) -> None:
    done = stub_both.run(script)

    assert done.exit_code == code, done.log
    assert output in done.log
    if not output:
        assert "Traceback" not in done.log


def test_a_traceback_has_no_frames_of_the_host(stub_both: Place) -> None:
    log = stub_both.run("def f():\n    1 / 0\nf()").log
    assert [line.strip() for line in log.splitlines()] == [
        "Traceback (most recent call last):",
        'File "<string>", line 3, in <module>',
        'File "<string>", line 2, in f',
        "ZeroDivisionError: division by zero",
    ]


SLEEPER = "[sys.executable, '-S', '-c', 'import time; time.sleep(600)']"
PLAIN = f"child = subprocess.Popen({SLEEPER})"
SESSION = f"child = subprocess.Popen({SLEEPER}, start_new_session=True)"
UNMARKED = f"child = subprocess.Popen({SLEEPER}, start_new_session=True, env={{}})"
# Children without exec, as in multiprocessing; TWICE creates a grandchild whose parent has ended.
FORK = """
import multiprocessing
child = multiprocessing.get_context("fork").Process(target=time.sleep, args=(600,))
child.start()
"""
TWICE = """
class child: pid = None
reader, writer = os.pipe()
if os.fork() == 0:
    os.setsid()
    if (inner := os.fork()) == 0:
        time.sleep(600)
    os.write(writer, str(inner).encode())
    os._exit(0)
child.pid = int(os.read(reader, 20))
os.wait()
"""
LEAVES = {"plain": PLAIN, "session": SESSION, "unmarked": UNMARKED, "fork": FORK, "twice": TWICE}
ENDS = {
    "returns": "pass",
    "exit": "sys.exit(3)",
    "_exit": "os._exit(3)",
    "_exit 0": "os._exit(0)",
    "killed": "os.kill(os.getpid(), 9)",
    "timeout": "time.sleep(600)",
}


def leaves(place: Place, leaving: str, end: str) -> tuple[ProcessResult, int]:
    script = "\n".join(["import os, subprocess, sys, time", LEAVES[leaving], "print(child.pid, flush=True)", ENDS[end]])
    done = place.run(script, timeout=1 if end == "timeout" else 60)
    return done, int(done.log.split()[0])


@pytest.mark.parametrize("end", list(ENDS))
@pytest.mark.parametrize("leaving", list(LEAVES))
def test_no_descendant_survives_a_run(stub_both: Place, leaving: str, end: str) -> None:
    if leaving == "fork" and end in ("returns", "exit"):
        pytest.skip("not run: multiprocessing waits for its child, in a fresh process too")
    done, child = leaves(stub_both, leaving, end)
    assert done.exit_code == {"returns": 0, "exit": 3, "_exit": 3, "_exit 0": 0, "killed": -9}.get(end)
    await_gone(child)


def test_an_endless_thread_times_out(stub_both: Place) -> None:
    done = stub_both.run("import threading, time; threading.Thread(target=time.sleep, args=(600,)).start()", timeout=1)
    assert done.exit_code is None


def test_a_run_that_ignores_signals_is_killed(stub: Place) -> None:
    deaf = "import signal, time\nfor s in (1, 2, 15): signal.signal(s, signal.SIG_IGN)\ntime.sleep(600)"
    assert stub.run(deaf, timeout=0.5).exit_code is None
    assert stub.get_output("print('fit')") == "fit"


def test_a_run_out_of_memory_affects_no_other_run(stub_both: Place) -> None:
    eats = """
import resource
limit = int(open("/proc/self/statm").read().split()[0]) * 4096 + (200 << 20)
resource.setrlimit(resource.RLIMIT_AS, (limit, limit))
held = []
while True:
    held.append(bytearray(10 << 20))
"""
    assert "MemoryError" in stub_both.run(eats).log
    assert stub_both.get_output("print(len(bytearray(300 << 20)))") == str(300 << 20)


def test_a_stopped_run_times_out(stub: Place) -> None:
    assert stub.run("import os, signal; os.kill(os.getpid(), signal.SIGSTOP)", timeout=0.5).exit_code is None


def test_output_of_children_and_c_code_stays_in_order(stub_both: Place) -> None:
    script = "import os, subprocess\nprint('one')\nsubprocess.run(['echo', 'two'])\nos.write(2, b'three')"
    assert stub_both.get_output(script).split() == ["one", "two", "three"]


def test_the_log_contains_only_this_run(stub_both: Place, tmp_path: Path) -> None:
    (tmp_path / "home-1").mkdir()
    (tmp_path / "home-1" / "run.log").write_text("of an earlier run\n" * 100)
    stub_both.homes = 0
    home = tmp_path / "home-1"
    done = stub_both.execute(
        [sys.executable, "-c", "print('mine')"], stub_both.environment(home), home, home / "run.log", 30
    )
    assert done.log.split() == ["mine"]
