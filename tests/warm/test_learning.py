"""Installed modules that runs import are kept in the host, and no run can tell: not by what they do when imported."""

from __future__ import annotations

import dataclasses
import itertools
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from harness.airflow.process import execute as fresh
from harness.airflow.warm.client import WarmHosts, end_hosts
from tests.warm.stub import INSTALLED, Place, no_database

pytestmark = pytest.mark.skipif(sys.platform != "linux", reason="not run: the warm runner is for Linux")


@contextmanager
def with_site(folder: Path, stub_airflow: Path) -> Iterator[Place]:
    """Runs by a host for which the folder `site` is one of installed packages."""
    site, hosts = folder / "site", folder / "hosts"
    site.mkdir()
    hosts.mkdir()
    extra = {"PYTHONPATH": f"{stub_airflow}:{site}", INSTALLED: str(site)}
    yield Place(folder, stub_airflow, WarmHosts(hosts, 600, no_database).execute, extra)
    end_hosts(hosts)


@pytest.fixture
def apart(stub_airflow: Path, tmp_path: Path) -> Iterator[Place]:
    """For what ends a host, or its learning."""
    with with_site(tmp_path, stub_airflow) as place:
        yield place


@pytest.fixture(scope="module")
def shared(stub_airflow: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Place]:
    with with_site(tmp_path_factory.mktemp("shared"), stub_airflow) as place:
        yield place


@pytest.fixture
def installed(shared: Place, tmp_path: Path) -> Place:
    """By a host that learns in all of these tests: each has modules of its own."""
    return dataclasses.replace(shared, folder=tmp_path, homes=0)


def by_fresh(place: Place) -> Place:
    return Place(place.folder / "fresh", place.airflow, fresh, place.extra)


def add(place: Place, name: str, text: str) -> None:
    (Path(place.extra[INSTALLED]) / f"{name}.py").write_text(text)


KNOWN = "import sys; print({name!r} in sys.modules); import {name}"


def test_what_one_run_imports_the_next_one_finds(installed: Place) -> None:
    add(installed, "plain", "VALUE = 1\n")
    assert [installed.said(KNOWN.format(name="plain")) for _ in range(2)] == ["False", "True"]


def test_the_projects_own_modules_are_not_kept(installed: Place) -> None:
    beside = installed.airflow / "beside.py"
    beside.write_text("")
    try:
        assert [installed.said(KNOWN.format(name="beside")) for _ in range(2)] == ["False", "False"]
    finally:
        beside.unlink()


def test_a_module_that_was_changed_in_place(apart: Place) -> None:
    script = "import changing; print(changing.VALUE)"
    for value in range(3):
        add(apart, "changing", f"VALUE = {value}\n")
        assert [apart.said(script) for _ in range(2)] == [str(value)] * 2


def test_a_variable_that_is_read_at_import_is_that_of_the_run(apart: Place) -> None:
    add(apart, "reader", "import os\nVALUE = os.environ.get('OPTION')\n")
    script = "import reader; print(reader.VALUE)"
    given: list[dict[str, str]] = [{}, {}, {"OPTION": "one"}, {"OPTION": "two"}, {"OPTION": "two"}, {}]
    assert [apart.said(script, env=env) for env in given] == ["None", "None", "one", "two", "two", "None"]


def test_a_warning_at_import_comes_in_every_run(installed: Place) -> None:
    add(installed, "warner", "import warnings\nwarnings.warn('be warned', UserWarning)\n")
    assert all("be warned" in installed.run("import warner").log for _ in range(3))


@pytest.mark.parametrize(
    "kind", ["str", "bytes", "Path", "tuple", "set", "frozenset", "dict key", "closure", "partial"]
)
def test_a_folder_that_a_module_keeps_is_that_of_the_run(installed: Place, kind: str) -> None:
    """As a library does that works out at import where its settings are."""
    ways = {
        "str": ("HOME = os.environ['HOME'] + '/settings'", "keeper.HOME"),
        "bytes": ("HOME = os.fsencode(os.environ['HOME'] + '/settings')", "keeper.HOME.decode()"),
        "Path": ("HOME = pathlib.Path.home() / 'settings'", "keeper.HOME"),
        "tuple": ("HOME = (1, os.environ['HOME'] + '/settings')", "keeper.HOME[1]"),
        "set": ("HOME = {os.environ['HOME'] + '/settings'}", "[*keeper.HOME][0]"),
        "frozenset": ("HOME = frozenset([os.environ['HOME'] + '/settings'])", "[*keeper.HOME][0]"),
        "dict key": ("HOME = {os.environ['HOME'] + '/settings': 1}", "[*keeper.HOME][0]"),
        "closure": ("HOME = (lambda kept: lambda: kept)(os.environ['HOME'] + '/settings')", "keeper.HOME()"),
        "partial": ("HOME = functools.partial(str, os.environ['HOME'] + '/settings')", "keeper.HOME()"),
    }
    keeps, tells = ways[kind]
    name = f"keeper_{list(ways).index(kind)}"
    add(installed, name, f"import functools, os, pathlib\n{keeps}\n")
    for number in range(1, 4):
        assert installed.said(f"import {name} as keeper; print({tells})") == str(
            installed.folder / f"home-{number}" / "settings"
        )


EFFECTS = {
    "variable": ("os.environ['SET'] = '1'", "os.environ.get('SET')"),
    "folder": ("os.chdir('/')", "os.getcwd() == '/'"),
    "umask": ("os.umask(0o11)", "os.umask(0)"),
    "signal": ("signal.signal(15, signal.SIG_IGN)", "signal.getsignal(15)"),
    "another signal": ("signal.signal(10, signal.SIG_IGN)", "signal.getsignal(10)"),
    "path": ("sys.path.insert(0, '/added')", "sys.path[0] == '/added'"),
    "temporary folder": ("tempfile.tempdir = '/'", "tempfile.gettempdir() == '/'"),
    "logging": ("logging.basicConfig(level=7)", "(logging.root.level, len(logging.root.handlers))"),
    "a logger": ("logging.getLogger('other').setLevel(7)", "logging.getLogger('other').level"),
    "filters": ("warnings.simplefilter('ignore')", "str(warnings.filters[0])"),
    "timeout": ("socket.setdefaulttimeout(3)", "socket.getdefaulttimeout()"),
    "recursion": ("sys.setrecursionlimit(1234)", "sys.getrecursionlimit()"),
    "hook": ("sys.excepthook = print", "sys.excepthook is print"),
    "builtin": ("builtins.added = 1", "hasattr(builtins, 'added')"),
    "patched module": ("json.dumps = len", "json.dumps is len"),
    "patched class": ("pathlib.Path.added = 1", "hasattr(pathlib.Path, 'added')"),
    "seed": ("random.seed(1)", "random.random() == 0.13436424411240122"),
    "kept file": ("kept = open('kept', 'w')", "os.path.exists('kept')"),
    "file in the home": (
        "open(os.environ['HOME'] + '/made', 'w').close()",
        "os.path.exists(os.environ['HOME'] + '/made')",
    ),
    "child": (
        "child = subprocess.Popen(['sleep', '600'])",
        "len(open(f'/proc/self/task/{os.getpid()}/children').read().split())",
    ),
    "thread": ("threading.Thread(target=time.sleep, args=(600,), daemon=True).start()", "threading.active_count()"),
    "output": ("print('hello', end=' ')", "1"),
    "at exit": ("atexit.register(print, 'bye')", "1"),
    "decimal": ("decimal.getcontext().prec = 5", "decimal.getcontext().prec"),
    "collector": ("gc.disable()", "gc.isenabled()"),
    "finder": ("sys.meta_path.insert(0, type('Own', (), {'find_spec': lambda *_: None})())", "len(sys.meta_path)"),
    "locale": ("locale.setlocale(locale.LC_ALL, 'C')", "locale.setlocale(locale.LC_ALL)"),
    "limits": ("resource.setrlimit(resource.RLIMIT_CORE, (0, 0))", "resource.getrlimit(resource.RLIMIT_CORE)"),
    "exit": ("sys.exit(3)", "1"),
}
HEAD = (
    "import atexit, builtins, decimal, gc, json, locale, logging, os, pathlib, random, resource, signal, socket\n"
    "import subprocess, sys, tempfile, threading, time, warnings\n"
)


@pytest.mark.parametrize("effect", list(EFFECTS))
def test_what_an_import_does_is_done_in_runs_that_import_it_and_in_no_other(installed: Place, effect: str) -> None:
    check_effect(installed, f"effect_{list(EFFECTS).index(effect)}", *EFFECTS[effect])


def test_the_seed_of_numpys_generator_is_such_an_effect(apart: Place) -> None:
    does = "import numpy; numpy.random.seed(1)"
    check_effect(apart, "sower", does, "__import__('numpy').random.random() == 0.417022004702574")


def check_effect(place: Place, name: str, does: str, probe: str) -> None:
    add(place, name, f"{HEAD}{does}\n")
    with_it = f"{HEAD}try: import {name}\nexcept SystemExit: print('exit')\nprint({probe})"
    without = f"{HEAD}print({probe})"
    reference = by_fresh(place)
    expected = [reference.said(with_it), reference.said(without)]
    found = [[place.said(with_it), place.said(without)] for _ in range(2)]
    assert found == [expected] * 2


def test_a_module_that_fails_at_import_fails_in_every_run(installed: Place) -> None:
    add(installed, "fails", "raise RuntimeError('not today')\n")
    for _ in range(2):
        assert "RuntimeError: not today" in installed.run("import fails").log
        assert installed.said("print(1)") == "1"


def test_a_trial_that_hangs_does_not_hold_up_the_host_for_ever() -> None:
    from harness.airflow.warm.learning import TRIAL_TIMEOUT

    assert TRIAL_TIMEOUT <= 60


def test_order_of_imports_does_not_matter(installed: Place) -> None:
    add(installed, "one", "import two\nVALUE = two.VALUE\n")
    add(installed, "two", "VALUE = 2\n")
    for first, second in itertools.permutations(["one", "two"]):
        assert installed.said(f"import {first}, {second}; print(one.VALUE)") == "2"
