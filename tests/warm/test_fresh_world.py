"""What a run of a DAG sees is what there is now, not what the host or an earlier run has seen."""

from __future__ import annotations

import json
import re
from pathlib import Path

import pytest

from harness.errors import RunRefusedError
from tests.warm.support import DATE, Runs, await_gone

pytestmark = pytest.mark.engine


def test_a_changed_dag_file(warm: Runs) -> None:
    assert warm.told("return 'first'") == "first"
    assert warm.told("return 'another text'") == "another text"


def test_a_dag_file_changed_at_once_and_of_the_same_length(warm: Runs) -> None:
    for value in range(4):
        assert warm.told(f"return {value}") == value


def test_a_changed_helper_and_a_changed_query_beside_the_dag(warm: Runs) -> None:
    work = """
    from helper_beside import NAME
    from pathlib import Path
    return NAME + Path(__file__).with_name("query.sql").read_text()
    """
    for name in ("one", "two", "ten"):
        warm.dag(work, top="import helper_beside")
        (warm.folder / "helper_beside.py").write_text(f"NAME = {name!r}\n")
        (warm.folder / "query.sql").write_text(f"SELECT '{name}'")
        assert warm.told() == f"{name}SELECT '{name}'"


def test_a_dag_that_was_removed_and_one_that_was_added(warm: Runs) -> None:
    warm.run("return 1")
    (warm.folder / "told.py").unlink()
    warm.dag("return 2", dag_id="another")
    with pytest.raises(RunRefusedError, match=r"DAG 'told' is not in .*, which holds: another"):
        warm.run()
    assert warm.world.run("another", DATE).xcoms["work", "return_value"] == 2


def test_variables_connections_and_environment_of_one_run_alone(warm: Runs) -> None:
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
    first = warm.told(
        environment={"AIRFLOW_VAR_GIVEN": "one", "PLAIN": "1"}, connections={"somewhere": "http://one.example"}
    )
    second = warm.told(environment={"AIRFLOW_VAR_GIVEN": "two"}, connections={"somewhere": "http://two.example"})
    third = warm.told()
    assert first == ["one", "one.example", "1"]
    assert second == ["two", "two.example", None]
    assert third[0] is None
    assert third[1] in ("AirflowNotFoundException", "AirflowRuntimeError")


def test_what_airflow_reads_at_its_start(warm: Runs) -> None:
    """These two make another host; the first one is as it was."""
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
    plain = warm.told()
    level, zone, local, libc = warm.told(environment=changed)
    assert (level, libc) == (10, "CET")
    assert "Asia/Tokyo" in zone
    assert local == "Europe/Amsterdam"
    assert warm.told() == plain


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


def test_a_plugin_that_changes_between_two_runs(warm: Runs, tmp_path: Path) -> None:
    """Macros and listeners. Also a folder that another run did not have."""
    folder = tmp_path / "plugins"
    folder.mkdir()
    (warm.folder).mkdir(exist_ok=True)
    (warm.folder / "told.py").write_text("""
import datetime as dt
from airflow import DAG
from airflow.providers.standard.operators.bash import BashOperator

with DAG("told", schedule=None, start_date=dt.datetime(2020, 1, 1, tzinfo=dt.timezone.utc)):
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


def test_a_timetable_of_a_plugin(warm: Runs, tmp_path: Path) -> None:
    folder = tmp_path / "plugins"
    folder.mkdir()
    warm.dag("return context['dag'].timetable.WORD if hasattr(context['dag'].timetable, 'WORD') else Own.WORD")
    file = warm.folder / "told.py"
    text = file.read_text().replace("schedule=None", "schedule=Own('@daily', timezone='UTC')")
    file.write_text("from own_timetable_plugin import Own\n" + text)
    for word in ("one", "two"):
        (folder / "own_timetable_plugin.py").write_text(TIMETABLE.format(word=word))
        assert warm.told(environment={"AIRFLOW__CORE__PLUGINS_FOLDER": str(folder)}) == word


def test_what_a_dag_does_to_its_process_ends_with_it(warm: Runs) -> None:
    """Environment, working directory, threads, modules and settings: set by one run, looked for by the next."""
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
    assert warm.told("""
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
def test_a_run_that_hurts_itself_is_told_and_the_next_one_is_well(warm: Runs, where: str, does: str) -> None:
    head = "import os, sys\n"
    told = None
    try:
        if where == "task":
            told = warm.run(does, top=head, expect="failure").failure
        else:
            warm.dag(top=head + does)
            told = warm.run(expect="failure").failure
    except RunRefusedError as error:  # a file that can't be read, by its own error
        told = str(error) if where == "file" else None
    assert told
    assert "\n" not in told
    assert warm.told("return 'well'") == "well"


def test_a_dag_that_hangs_is_ended_with_all_that_it_started(warm: Runs) -> None:
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
    assert run.failure == "timed out after 3 s; raise HARNESS_RUN_TIMEOUT if the DAG needs longer"
    child = re.search(r"CHILD (\d+)", run.log)
    assert child, run.log
    await_gone(int(child[1]))
    assert warm.told("return 'well'") == "well"


def test_a_thread_that_never_ends_holds_up_this_run_alone(warm: Runs) -> None:
    hangs = "import threading, time\nthreading.Thread(target=time.sleep, args=(600,)).start()"
    assert warm.run(hangs, expect="failure", timeout=3).exit_code is None
    assert warm.told("return 'well'") == "well"


def test_no_run_is_told_of_the_warm_up(warm: Runs) -> None:
    """By its listing of DAGs, its log, or the metadata database."""
    run = warm.run("return 1")
    assert "warm_up" not in run.log
    assert json.dumps(sorted(run.dag_files)) in ('["told"]', "[]")


def test_a_second_run_of_the_same_date_starts_from_nothing(warm: Runs) -> None:
    warm.dag("return [context['ti'].try_number, context['ti'].xcom_pull(task_ids='work')]")
    assert warm.told() == [1, None]
    assert warm.told() == [1, None]


def test_the_encryption_key_is_that_of_the_run(warm: Runs) -> None:
    assert (
        warm.told("""
    import os
    from cryptography.fernet import Fernet
    from airflow.models.crypto import get_fernet
    told = get_fernet().encrypt(b"a secret")
    return Fernet(os.environ["AIRFLOW__CORE__FERNET_KEY"]).decrypt(told).decode()
    """)
        == "a secret"
    )


def test_airflow_masks_the_secrets_of_the_run(warm: Runs) -> None:
    assert warm.told("""
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
    # A NullHandler is that of a library which a host has learned.
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


def test_airflow_is_set_up_as_in_a_fresh_process(warm: Runs, fresh: Runs) -> None:
    """Its configuration, settings, logging and database: all that is this run's own is put in words."""
    warm.run("return 1")
    found = {}
    for name, runs in (("fresh", fresh), ("warm", warm)):
        look = json.loads(runs.told(LOOK, top=f"import sqlalchemy\nOWN = {OWN!r}"))
        look["configuration"].get("core", {}).pop("internal_api_secret_key", None)  # 2.11 makes one for each process
        look["settings"].pop("SQL_ALCHEMY_CONN_ASYNC", None)  # derived from the database's URL, as a service in one
        found[name] = look
    for what, value in found["fresh"].items():
        assert found["warm"][what] == value, what
