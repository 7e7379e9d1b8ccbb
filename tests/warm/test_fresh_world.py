"""A warm run sees the current files and variables, not those of the host or of an earlier run."""

from __future__ import annotations

import json
import re
from pathlib import Path

import pytest

from harness.errors import RunRefusedError
from harness.evidence.task_log import newest_attempts
from harness.report.task_log import build_excerpt
from tests.warm.support import DATE, Runs, await_gone

pytestmark = pytest.mark.engine


def test_a_changed_dag_file_takes_effect(warm: Runs) -> None:
    assert warm.get_result("return 'first'") == "first"
    assert warm.get_result("return 'another text'") == "another text"


def test_a_dag_file_changed_immediately_to_equal_length_takes_effect(warm: Runs) -> None:
    for value in range(4):
        assert warm.get_result(f"return {value}") == value


def test_a_changed_helper_and_query_take_effect(warm: Runs) -> None:
    work = """
    from helper_beside import NAME
    from pathlib import Path
    return NAME + Path(__file__).with_name("query.sql").read_text()
    """
    for name in ("one", "two", "ten"):
        warm.dag(work, top="import helper_beside")
        (warm.folder / "helper_beside.py").write_text(f"NAME = {name!r}\n")
        (warm.folder / "query.sql").write_text(f"SELECT '{name}'")
        assert warm.get_result() == f"{name}SELECT '{name}'"


def test_removed_and_added_dags_take_effect(warm: Runs) -> None:
    warm.run("return 1")
    (warm.folder / "probe.py").unlink()
    warm.dag("return 2", dag_id="another")
    with pytest.raises(RunRefusedError, match=r"DAG 'probe' is not in .*, which holds: another"):
        warm.run()
    assert warm.world.run("another", DATE).xcoms["work", "return_value"] == 2


def test_variables_connections_and_environment_do_not_leak(warm: Runs) -> None:
    warm.dag("""
    import os
    try:
        from airflow.sdk import Variable
    except ImportError:
        from airflow.models import Variable
    try:
        from airflow.sdk.bases.hook import BaseHook
    except ImportError:
        from airflow.hooks.base import BaseHook
    try:
        host = BaseHook.get_connection("somewhere").host
    except Exception as error:
        host = type(error).__name__
    return [Variable.get("given", None), host, os.environ.get("PLAIN")]
    """)
    first = warm.get_result(
        environment={"AIRFLOW_VAR_GIVEN": "one", "PLAIN": "1"}, connections={"somewhere": "http://one.example"}
    )
    second = warm.get_result(environment={"AIRFLOW_VAR_GIVEN": "two"}, connections={"somewhere": "http://two.example"})
    third = warm.get_result()
    assert first == ["one", "one.example", "1"]
    assert second == ["two", "two.example", None]
    assert third[0] is None
    assert third[1] in ("AirflowNotFoundException", "AirflowRuntimeError")


@pytest.mark.at_length  # a host of its own
def test_startup_settings_take_effect(warm: Runs) -> None:
    """The changed settings need another host; the first host is unchanged."""
    warm.dag(
        """
    import logging, pendulum
    from airflow.utils import timezone
    from airflow import settings
    level = logging.getLogger().getEffectiveLevel()
    return [level, str(settings.TIMEZONE), pendulum.local_timezone().name, time.tzname[0]]
    """,
        top="import time",
    )
    changed = {
        "AIRFLOW__LOGGING__LOGGING_LEVEL": "DEBUG",
        "AIRFLOW__CORE__DEFAULT_TIMEZONE": "Asia/Tokyo",
        "TZ": "Europe/Amsterdam",
    }
    plain = warm.get_result()
    level, zone, local, libc = warm.get_result(environment=changed)
    assert (level, libc) == (10, "CET")
    assert "Asia/Tokyo" in zone
    assert local == "Europe/Amsterdam"
    assert warm.get_result() == plain


PLUGIN = """
import datetime as dt
from airflow.plugins_manager import AirflowPlugin
from airflow.listeners import hookimpl

def shout(text):
    return "{word} " + text

class Ear:
    @hookimpl
    def on_task_instance_running(self, previous_state, task_instance):
        print("HEARD {word}", flush=True)

class Own(AirflowPlugin):
    name = "own"
    macros = [shout]
    listeners = [Ear()]
"""


@pytest.mark.at_length  # a host of its own
def test_a_changed_plugin_takes_effect(warm: Runs, tmp_path: Path) -> None:
    """Tests macros and listeners, and a plugins folder that another run does not have."""
    folder = tmp_path / "plugins"
    folder.mkdir()
    (warm.folder).mkdir(exist_ok=True)
    (warm.folder / "probe.py").write_text("""
import datetime as dt
from airflow import DAG
from airflow.providers.standard.operators.bash import BashOperator

with DAG("probe", schedule=None, start_date=dt.datetime(2020, 1, 1, tzinfo=dt.timezone.utc)):
    BashOperator(task_id="work", bash_command="echo '{{ macros.own.shout(\\"said\\") }}'")
""")
    environment = {"AIRFLOW__CORE__PLUGINS_FOLDER": str(folder)}
    for word in ("one", "two", "ten"):
        (folder / "own_plugin.py").write_text(PLUGIN.format(word=word))
        run = warm.run(environment=environment)
        assert run.xcoms["work", "return_value"] == f"{word} said"
        assert f"HEARD {word}" in run.log
    run = warm.run(expect="failure")
    assert "HEARD" not in run.log


TIMETABLE = """
from airflow.plugins_manager import AirflowPlugin
from airflow.timetables.interval import CronDataIntervalTimetable

class Own(CronDataIntervalTimetable):
    WORD = "{word}"

class OwnPlugin(AirflowPlugin):
    name = "own_timetable"
    timetables = [Own]
"""


@pytest.mark.at_length  # a host of its own
def test_a_changed_timetable_of_a_plugin_takes_effect(warm: Runs, tmp_path: Path) -> None:
    folder = tmp_path / "plugins"
    folder.mkdir()
    warm.dag("return context['dag'].timetable.WORD if hasattr(context['dag'].timetable, 'WORD') else Own.WORD")
    file = warm.folder / "probe.py"
    text = file.read_text().replace("schedule=None", "schedule=Own('@daily', timezone='UTC')")
    file.write_text("from own_timetable_plugin import Own\n" + text)
    for word in ("one", "two"):
        (folder / "own_timetable_plugin.py").write_text(TIMETABLE.format(word=word))
        assert warm.get_result(environment={"AIRFLOW__CORE__PLUGINS_FOLDER": str(folder)}) == word


def test_changes_of_the_process_do_not_leak(warm: Runs) -> None:
    """Environment, working directory, threads, modules and settings of one run are not visible in the next run."""
    warm.run(
        """
        import builtins, logging, os, sys, threading, time, warnings
        from airflow import settings
        os.environ["LEFT_BEHIND"] = os.environ["AIRFLOW_VAR_LEFT"] = "1"
        os.chdir("/")
        threading.Thread(target=time.sleep, args=(600,), daemon=True, name="left").start()
        sys.path.insert(0, "/left")
        sys.modules["left_behind"] = sys
        builtins.left_behind = 1
        logging.getLogger("airflow.task").setLevel(50)
        settings.left_behind = 1
        """
    )
    assert warm.get_result("""
    import builtins, logging, os, sys, threading
    from airflow import settings
    left = [name for name in os.environ if "LEFT" in name]
    left += [one.name for one in threading.enumerate() if one.name == "left"]
    left += [one for one in sys.path if one == "/left"] + [one for one in sys.modules if one == "left_behind"]
    return [left, os.getcwd(), hasattr(builtins, "left_behind"), hasattr(settings, "left_behind"),
            logging.getLogger("airflow.task").level]
    """) == [[], str(warm.world.folder / "run-2"), False, False, 20]


@pytest.mark.parametrize(
    ("where", "does"),
    [
        ("file", "sys.exit(3)"),
        ("file", "os._exit(3)"),
        ("file", "raise ValueError('at import')"),
        ("task", "sys.exit(3)"),
        ("task", "sys.exit('a text')"),
        ("task", "os._exit(3)"),
        ("task", "os._exit(70)"),
        ("task", "os.kill(os.getpid(), 9)"),
        ("task", "f = lambda: f(); f()"),
    ],
)
def test_a_crashing_run_is_reported_and_the_next_run_works(warm: Runs, where: str, does: str) -> None:
    head = "import os, sys\n"
    failure = None
    try:
        if where == "task":
            failure = warm.run(does, top=head, expect="failure").failure
        else:
            warm.dag(top=head + does)
            failure = warm.run(expect="failure").failure
    except RunRefusedError as error:  # an error during the import of the file
        failure = str(error) if where == "file" else None
    assert failure
    assert "\n" not in failure
    assert warm.get_result("return 'well'") == "well"


def test_a_hanging_dag_is_ended_with_its_descendants(warm: Runs) -> None:
    run = warm.run(
        """
        import subprocess, sys, time
        child = subprocess.Popen([sys.executable, "-c", "import time; time.sleep(600)"], start_new_session=True)
        print(f"CHILD {child.pid}", flush=True)
        time.sleep(600)
        """,
        expect="failure",
        timeout=3,
    )
    line = (warm.folder / "probe.py").read_text().splitlines().index("    time.sleep(600)") + 1
    assert run.failure == (
        f"timed out after 3 s while task work was running (probe.py, line {line}, in work); "
        "raise HARNESS_RUN_TIMEOUT or world.run(timeout=...) if the DAG needs longer"
    )
    ((_, attempt),) = newest_attempts(run.log).items()
    shown = build_excerpt(attempt, 100)
    assert shown[-1] == f'  File "{warm.folder / "probe.py"}", line {line}, in work', "\n".join(shown)
    child = re.search(r"CHILD (\d+)", run.log)
    assert child, run.log
    await_gone(int(child[1]))
    assert warm.get_result("return 'well'") == "well"


def test_an_endless_thread_times_out_only_its_run(warm: Runs) -> None:
    hangs = "import threading, time\nthreading.Thread(target=time.sleep, args=(600,)).start()"
    assert warm.run(hangs, expect="failure", timeout=3).exit_code is None
    assert warm.get_result("return 'well'") == "well"


def test_no_run_sees_the_warm_up(warm: Runs) -> None:
    """The warm-up appears neither in the DAG files of the run nor in its log."""
    run = warm.run("return 1")
    assert "harness_warm_up" not in run.log
    assert json.dumps(sorted(run.dag_files)) in ('["probe"]', "[]")


def test_a_second_run_of_the_same_date_starts_clean(warm: Runs) -> None:
    warm.dag("return [context['ti'].try_number, context['ti'].xcom_pull(task_ids='work')]")
    assert warm.get_result() == [1, None]
    assert warm.get_result() == [1, None]


def test_a_run_uses_its_fernet_key(warm: Runs) -> None:
    assert (
        warm.get_result("""
    import os
    from cryptography.fernet import Fernet
    from airflow.models.crypto import get_fernet
    token = get_fernet().encrypt(b"a secret")
    return Fernet(os.environ["AIRFLOW__CORE__FERNET_KEY"]).decrypt(token).decode()
    """)
        == "a secret"
    )


def test_airflow_masks_the_secrets_of_each_run(warm: Runs) -> None:
    assert warm.get_result("""
    import os
    try:
        from airflow.sdk._shared.secrets_masker import redact
    except ImportError:
        from airflow.utils.log.secrets_masker import redact
    return [redact(os.environ[name]) for name in ("AIRFLOW__CORE__FERNET_KEY", "AIRFLOW__DATABASE__SQL_ALCHEMY_CONN")]
    """) == ["***", "***"]


LOOK = """
import json, logging, os, signal, sys, threading, warnings
from airflow import settings
from airflow.configuration import conf

def simply(one):
    return str(one).split(" at 0x")[0]

loggers = [logging.getLogger(name) for name in (None, *sorted(logging.root.manager.loggerDict))]
own = {name: os.environ[f"AIRFLOW__{name}"] for name in OWN}
database = settings.Session().scalar(sqlalchemy.text("SELECT current_database()"))
text = json.dumps({
    "configuration": {name: conf.getsection(name) for name in conf.sections()},
    "settings": {name: simply(value) for name, value in vars(settings).items() if name.isupper()},
    "database": database,
    "sys.path": sys.path,
    "sys.argv": [sys.argv, sys.orig_argv],
    "signals": [simply(signal.getsignal(one)) for one in sorted(signal.valid_signals())],
    # Preloaded libraries may have added a NullHandler.
    "loggers": {one.name: [one.level, [simply(type(part)) for part in one.handlers]] for one in loggers
                if any(type(part) is not logging.NullHandler for part in one.handlers)},
    "hooks": [simply(one) for one in (sys.excepthook, sys.displayhook, threading.excepthook, warnings.showwarning)],
    "here": [threading.current_thread() is threading.main_thread(), os.getcwd(), os.environ["HOME"]],
}, default=str)
homes = [("HOME", os.environ["HOME"]), ("HOME", os.getcwd())]  # a link, and where it leads
for name, value in (*own.items(), *homes, ("DATABASE", database)):
    text = text.replace(value, name)
return text
"""
OWN = ("CORE__FERNET_KEY", "API_AUTH__JWT_SECRET", "DATABASE__SQL_ALCHEMY_CONN")


def test_airflows_settings_equal_those_of_a_fresh_process(warm: Runs, fresh: Runs) -> None:
    """Compares configuration, settings, logging and database, with the run's own values replaced by their names."""
    warm.run("return 1")
    found = {}
    for name, runs in (("fresh", fresh), ("warm", warm)):
        look = json.loads(runs.get_result(LOOK, top=f"import sqlalchemy\nOWN = {OWN!r}"))
        look["configuration"].get("core", {}).pop("internal_api_secret_key", None)  # 2.11 makes one for each process
        look["settings"].pop("SQL_ALCHEMY_CONN_ASYNC", None)  # derived from the database's URL
        found[name] = look
    for what, value in found["fresh"].items():
        assert found["warm"][what] == value, what
