"""The host preloads installed modules that runs import, unless the import would affect other runs."""

from __future__ import annotations

import dataclasses
import itertools
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from harness.airflow.runners.process import execute as fresh
from harness.airflow.runners.warm import end_hosts
from tests.warm.stub import INSTALLED, Place, create_runner

pytestmark = pytest.mark.skipif(sys.platform != "linux", reason="not run: the warm runner is for Linux")


@contextmanager
def with_site(folder: Path, stub_airflow: Path) -> Iterator[Place]:
    """Yield runs by a host that treats the folder `site` as one of installed packages."""
    site, hosts = folder / "site", folder / "hosts"
    site.mkdir()
    hosts.mkdir()
    extra = {"PYTHONPATH": f"{stub_airflow}:{site}", INSTALLED: str(site)}
    yield Place(folder, stub_airflow, create_runner(hosts).execute, extra)
    end_hosts(hosts)


@pytest.fixture
def apart(stub_airflow: Path, tmp_path: Path) -> Iterator[Place]:
    """Runs by a host that the test may end, or whose preloading it may stop."""
    with with_site(tmp_path, stub_airflow) as place:
        yield place


@pytest.fixture(scope="module")
def shared(stub_airflow: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Place]:
    with with_site(tmp_path_factory.mktemp("shared"), stub_airflow) as place:
        yield place


@pytest.fixture
def installed(shared: Place, tmp_path: Path) -> Place:
    """Runs by a shared host that keeps preloading; each test has its own modules."""
    return dataclasses.replace(shared, folder=tmp_path, homes=0)


def by_fresh(place: Place) -> Place:
    return Place(place.folder / "fresh", place.airflow, fresh, place.extra)


def add(place: Place, name: str, text: str) -> None:
    (Path(place.extra[INSTALLED]) / f"{name}.py").write_text(text)


KNOWN = "import sys; print({name!r} in sys.modules); import {name}"


def test_a_modules_import_is_preloaded_for_the_next_run(installed: Place) -> None:
    add(installed, "plain", "VALUE = 1\n")
    assert [installed.get_output(KNOWN.format(name="plain")) for _ in range(2)] == ["False", "True"]


def test_the_projects_modules_are_not_preloaded(installed: Place) -> None:
    beside = installed.airflow / "beside.py"
    beside.write_text("")
    try:
        assert [installed.get_output(KNOWN.format(name="beside")) for _ in range(2)] == ["False", "False"]
    finally:
        beside.unlink()


def test_a_changed_module_is_imported_again(apart: Place) -> None:
    script = "import changing; print(changing.VALUE)"
    for value in range(2):
        add(apart, "changing", f"VALUE = {value}\n")
        assert [apart.get_output(script) for _ in range(2)] == [str(value)] * 2


def test_a_variable_read_during_an_import_has_the_runs_value(apart: Place) -> None:
    add(apart, "reader", "import os\nVALUE = os.environ.get('OPTION')\n")
    script = "import reader; print(reader.VALUE)"
    given: list[dict[str, str]] = [{}, {}, {"OPTION": "one"}, {"OPTION": "two"}, {"OPTION": "two"}, {}]
    assert [apart.get_output(script, env=env) for env in given] == ["None", "None", "one", "two", "two", "None"]


def test_the_next_session_preloads_again(apart: Place) -> None:
    add(apart, "reader", "import os\nVALUE = os.environ.get('OPTION')\n")
    hosts, script = apart.folder / "hosts", KNOWN.format(name="reader")
    for _ in range(2):
        runner = create_runner(hosts)
        apart.execute = runner.execute
        assert [apart.get_output(script) for _ in range(2)] == ["False", "True"]
        assert [apart.get_output(script, env={"OPTION": "one"}) for _ in range(2)] == ["False", "False"]
        end_hosts(hosts)
        runner.close()


def test_a_warning_of_an_import_appears_in_every_run(installed: Place) -> None:
    add(installed, "warner", "import warnings\nwarnings.warn('be warned', UserWarning)\n")
    assert all("be warned" in installed.run("import warner").log for _ in range(3))


def test_a_home_read_during_an_import_is_the_runs_home(installed: Place) -> None:
    """A library may compute the path of its settings during import; the home is the same path for all runs."""
    add(installed, "keeper", "import os\nHOME = os.environ['HOME']\n")
    for number in range(3):
        script = f"import keeper; open(keeper.HOME + '/kept', 'w').write('{number}'); print(open('kept').read())"
        assert installed.get_output(script) == str(number)


@pytest.mark.parametrize("name", ["AIRFLOW__CORE__DAGS_FOLDER", "AIRFLOW__CORE__FERNET_KEY"])
def test_a_module_that_reads_a_run_variable_is_not_preloaded(installed: Place, name: str) -> None:
    module = f"reads_{name.rpartition('_')[2].lower()}"
    add(installed, module, f"import os\nVALUE = os.environ['{name}']\n")
    script = f"import {module}, os; print({module}.VALUE == os.environ['{name}'])"
    assert [installed.get_output(script) for _ in range(2)] == ["True", "True"]


EFFECTS = {
    "variable": ("os.environ['SET'] = '1'", "os.environ.get('SET')"),
    "folder": ("os.chdir('/')", "os.getcwd() == '/'"),
    "signal": ("signal.signal(15, signal.SIG_IGN)", "signal.getsignal(15)"),
    "path": ("sys.path.insert(0, '/added')", "sys.path[0] == '/added'"),
    "thread": ("threading.Thread(target=time.sleep, args=(600,), daemon=True).start()", "threading.active_count()"),
    "finder": ("sys.meta_path.insert(0, type('Own', (), {'find_spec': lambda *_: None})())", "len(sys.meta_path)"),
    "exit": ("sys.exit(3)", "1"),
}
HEAD = (
    "import atexit, builtins, decimal, gc, json, locale, logging, os, pathlib, random, resource, signal, socket\n"
    "import subprocess, sys, tempfile, threading, time, warnings\n"
)


@pytest.mark.parametrize("effect", list(EFFECTS))
def test_effects_of_an_import_stay_in_runs_that_import_the_module(installed: Place, effect: str) -> None:
    check_effect(installed, f"effect_{list(EFFECTS).index(effect)}", *EFFECTS[effect])


def check_effect(place: Place, name: str, does: str, probe: str) -> None:
    add(place, name, f"{HEAD}{does}\n")
    with_it = f"{HEAD}try: import {name}\nexcept SystemExit: print('exit')\nprint({probe})"
    without = f"{HEAD}print({probe})"
    reference = by_fresh(place)
    expected = [reference.get_output(with_it), reference.get_output(without)]
    found = [[place.get_output(with_it), place.get_output(without)] for _ in range(2)]
    assert found == [expected] * 2


def test_a_module_that_fails_at_import_fails_in_every_run(installed: Place) -> None:
    add(installed, "fails", "raise RuntimeError('not today')\n")
    for _ in range(2):
        assert "RuntimeError: not today" in installed.run("import fails").log
        assert installed.get_output("print(1)") == "1"


def test_an_import_that_hangs_in_its_trial_is_not_preloaded(installed: Place) -> None:
    add(
        installed,
        "hangs_second",
        """
import pathlib, time
file = pathlib.Path(__file__).with_suffix(".count")
count = int(file.read_text()) if file.exists() else 0
file.write_text(str(count + 1))
if count == 1:
    time.sleep(600)
""",
    )
    script = "import sys; print('hangs_second' in sys.modules); import hangs_second"
    assert [installed.get_output(script) for _ in range(2)] == ["False", "False"]
    (log,) = (Path(installed.extra[INSTALLED]).parent / "hosts").glob("*/log")
    assert 'hangs_second.py", line 7 in <module>' in log.read_text()


def test_a_harmful_package_does_not_prevent_preloading_of_others(installed: Place) -> None:
    add(installed, "innocent", "")
    add(installed, "guilty", "import os; os.environ['SET'] = '1'\n")
    script = "import sys; print([name in sys.modules for name in ('innocent', 'guilty')]); import innocent, guilty"
    assert [installed.get_output(script) for _ in range(2)] == ["[False, False]", "[True, False]"]


def test_order_of_imports_does_not_matter(installed: Place) -> None:
    add(installed, "one", "import two\nVALUE = two.VALUE\n")
    add(installed, "two", "VALUE = 2\n")
    for first, second in itertools.permutations(["one", "two"]):
        assert installed.get_output(f"import {first}, {second}; print(one.VALUE)") == "2"
