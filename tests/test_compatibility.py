"""Compatibility findings of prepared files: their lines, the modern form, and no false alarm."""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from textwrap import dedent

import pytest

from harness.airflow.dagbag import DagBag, group_errors
from harness.airflow.environments import AirflowEnvironment
from harness.airflow.inside.missing_imports import find_missing_imports
from harness.compatibility.context_names import GONE
from harness.compatibility.find import find_in_broken_files, find_in_running_files, hint_for_failure
from harness.compatibility.finding import CompatibilityFinding

PACKAGES = {"apache-airflow": "3.3.2", "apache-airflow-providers-http": "6.0.6"}
ON_3 = AirflowEnvironment(Path("python"), "3.11.9", "", PACKAGES, ())
ON_2 = replace(ON_3, packages={**PACKAGES, "apache-airflow": "2.11.2"})
NOTHING: dict[str, list[tuple[int, str, str]]] = {}


def write(folder: Path, source: str, name: str = "d.py") -> Path:
    file = folder / name
    file.write_text(dedent(source).removeprefix("\n"))
    return file


def format_findings(findings: Sequence[CompatibilityFinding]) -> list[str]:
    return [str(each) for each in findings]


def find_running(folder: Path, source: str) -> list[str]:
    return format_findings(find_in_running_files([write(folder, source)], NOTHING, folder, ON_3))


def find_broken(
    folder: Path, source: str, error: str = "", missing: Sequence[tuple[int, str]] = (), on: AirflowEnvironment = ON_3
) -> list[str]:
    """Return the findings of a broken file; `missing` are the lines and names of imports that fail."""
    file = write(folder, source)
    imports = {str(file): [(line, name, f"No module named '{name}'") for line, name in missing]}
    return format_findings(find_in_broken_files({str(file): error}, imports, folder, on))


def missing_name(line: int, name: str) -> str:
    return f"d.py:{line}: Airflow 3 has no {name!r} in a run's context; {GONE[name]}"


def missing_date(line: int, record: str) -> str:
    return f"d.py:{line}: Airflow 3 has no 'execution_date' in a {record}; use dag_run.logical_date"


@pytest.mark.parametrize("name", ["prev_ds", "prev_ds_nodash", "prev_execution_date"])
def test_the_previous_dates_say_what_they_were(name: str) -> None:
    assert "data_interval_start" not in GONE[name], "for a scheduled cron run this equals ds"
    assert GONE[name].startswith("it was the logical date of the schedule's previous run: for a daily schedule write ")


@pytest.mark.parametrize("name", ["next_ds", "next_ds_nodash", "next_execution_date"])
def test_the_next_dates_say_what_they_were(name: str) -> None:
    assert "data_interval_end" not in GONE[name], "under a CronTriggerTimetable this equals ds"
    assert GONE[name].startswith("it was the logical date of the schedule's next run: for a daily schedule write ")


def test_context_names_in_a_file_that_is_broken_for_another_reason(tmp_path: Path) -> None:
    source = """
        import cosmos
        def work(**context):
            return context["execution_date"]
    """
    error = (
        f"Traceback:\n  File \"{tmp_path}/d.py\", line 1, in <module>\nModuleNotFoundError: No module named 'cosmos'\n"
    )
    assert find_broken(tmp_path, source, error) == [
        "d.py:1: No module named 'cosmos'; install astronomer-cosmos in Airflow's environment",
        missing_name(3, "execution_date"),
    ]


def test_names_read_from_the_context_and_its_records(tmp_path: Path) -> None:
    source = """
        from airflow.sdk import get_current_context, task
        def work(ti, dag_run, **context):
            context.get("execution_date")
            context.pop("prev_ds", None)
            ti.execution_date
            dag_run.execution_date
            context["task_instance"].execution_date
            context["conf"]
        @task
        def other(**facts):
            facts["next_ds"]
            here = get_current_context()
            here["tomorrow_ds"]
            get_current_context()["triggering_dataset_events"]
    """
    assert set(find_running(tmp_path, source)) == {
        missing_name(3, "execution_date"),
        missing_name(4, "prev_ds"),
        missing_date(5, "task instance").replace("d.py:5:", "d.py:5, d.py:7:"),
        missing_date(6, "DAG run"),
        missing_name(8, "conf"),
        missing_name(11, "next_ds"),
        missing_name(13, "tomorrow_ds"),
        missing_name(14, "triggering_dataset_events"),
    }


def test_names_in_templates_have_their_own_line(tmp_path: Path) -> None:
    source = '''
        A = "{{ conf }} {{ dag_run.conf }} {{ params.conf }}"
        B = """
            {{ ds }}
            {% for event in triggering_dataset_events.values() %}{{ event }}{% endfor %}
            {{ ti.execution_date }} {{ dag_run.execution_date | ds }}
        """
        C = f"{{{{ yesterday_ds }}}} {A}"
    '''
    assert set(find_running(tmp_path, source)) == {
        missing_name(1, "conf"),
        missing_name(4, "triggering_dataset_events"),
        missing_date(5, "task instance"),
        missing_date(5, "DAG run"),
        missing_name(7, "yesterday_ds"),
    }


def test_parameters_count_only_if_airflow_fills_them(tmp_path: Path) -> None:
    source = """
        from airflow.sdk import task
        from airflow.operators.python import PythonOperator
        def helper(execution_date):
            return execution_date
        def passed(execution_date, conf):
            return execution_date
        def filled(ds, execution_date, **kwargs):
            return helper(kwargs["ti"])
        @task
        def given(execution_date, *, prev_ds="", next_ds=""):
            return execution_date
        @task.branch()
        def reads(execution_date=None):
            return execution_date
        class Operator:
            def __init__(self, **kwargs):
                self.conf = kwargs.pop("conf", None)
        PythonOperator(task_id="a", python_callable=passed, op_kwargs={"execution_date": "{{ ds }}", "conf": 1})
        PythonOperator(task_id="b", python_callable=filled)
        given("{{ ds }}", prev_ds="")
        reads()
    """
    places = {7: "execution_date", 10: "next_ds", 13: "execution_date"}
    assert set(find_running(tmp_path, source)) == {
        missing_name(7, "execution_date").replace("d.py:7:", "d.py:7, d.py:13:"),
        missing_name(10, places[10]),
    }


def test_no_alarm_for_names_that_the_file_defines(tmp_path: Path) -> None:
    source = '''
        """Runs for {{ execution_date }}."""
        from airflow import DAG
        from jinja2 import Template
        DAG("a", user_defined_macros={"conf": {}})
        A = "{{ conf }} {% set prev_ds = ds %}{{ prev_ds }} {{ not a template"
        B = "{% for next_ds in days %}{{ next_ds }}{% endfor %}"
        Template("{{ execution_date }}").render(execution_date="today")
        row = {}
        row["execution_date"], row.get("conf")
    '''
    assert find_running(tmp_path, source) == []


@pytest.mark.parametrize(
    ("line", "name", "finding"),
    [
        (
            "from airflow.providers.postgres.operators.postgres import PostgresOperator",
            "airflow.providers.postgres.operators.postgres.PostgresOperator",
            "apache-airflow-providers-postgres is not installed; install apache-airflow-providers-postgres in "
            "Airflow's environment, and use SQLExecuteQueryOperator from airflow.providers.common.sql.operators.sql, "
            "with conn_id=",
        ),
        (
            "from airflow.providers.http.operators.http import SimpleHttpOperator",
            "airflow.providers.http.operators.http.SimpleHttpOperator",
            "apache-airflow-providers-http 6.0.6 has no airflow.providers.http.operators.http.SimpleHttpOperator; "
            "use HttpOperator from airflow.providers.http.operators.http",
        ),
        (
            "from airflow.operators.subdag import SubDagOperator",
            "airflow.operators.subdag.SubDagOperator",
            "Airflow 3.3.2 has no airflow.operators.subdag.SubDagOperator; "
            "use a TaskGroup: with TaskGroup(group_id=...), from airflow.sdk",
        ),
        (
            "from airflow.contrib.operators.ssh_operator import SSHOperator",
            "airflow.contrib.operators.ssh_operator.SSHOperator",
            "Airflow 3.3.2 has no airflow.contrib.operators.ssh_operator.SSHOperator; install "
            "apache-airflow-providers-ssh in Airflow's environment, and import it from "
            "airflow.providers.ssh.operators.ssh",
        ),
        (
            "from airflow.providers.cncf.kubernetes.operators.pod import KubernetesPodOperator",
            "airflow.providers.cncf.kubernetes.operators.pod.KubernetesPodOperator",
            "apache-airflow-providers-cncf-kubernetes is not installed; install "
            "apache-airflow-providers-cncf-kubernetes in Airflow's environment",
        ),
    ],
)
def test_the_modern_form_of_an_import(tmp_path: Path, line: str, name: str, finding: str) -> None:
    assert find_broken(tmp_path, line, missing=[(1, name)]) == [f"d.py:1: {finding}"]


def test_the_old_name_of_a_trigger_rule(tmp_path: Path) -> None:
    source = "task(trigger_rule='dummy')\n"
    assert find_broken(tmp_path, source) == [
        'd.py:1: Airflow 3 refuses trigger_rule="dummy"; write trigger_rule="always"'
    ]
    assert find_broken(tmp_path, source, on=ON_2) == []


def test_one_finding_for_an_import_on_its_line(tmp_path: Path) -> None:
    source = """
        import airflow.operators.python_operator
        from airflow.operators.dummy_operator import DummyOperator
        from airflow.operators.python import get_current_context
        from airflow.utils import dates
        for day in (1, 2):
            DummyOperator()
            DummyOperator()
            airflow.operators.python_operator.PythonOperator()
            get_current_context()
            dates.days_ago(day)
    """
    missing = [(1, "airflow.operators.python_operator"), (2, "airflow.operators.dummy_operator.DummyOperator")]
    findings = find_broken(tmp_path, source, missing=missing)
    assert [each.partition("; ")[0] for each in findings] == [
        "d.py:1: Airflow 3.3.2 has no airflow.operators.python_operator.PythonOperator",
        "d.py:2: Airflow 3.3.2 has no airflow.operators.dummy_operator.DummyOperator",
        "d.py:10: `airflow.utils.dates.days_ago` is removed in Airflow 3.0",
    ]
    assert "`EmptyOperator`" in findings[1]
    assert findings[2].endswith("write a date: datetime(2021, 1, 1)")


def test_imports_in_functions_are_tried_unless_guarded(tmp_path: Path) -> None:
    file = write(
        tmp_path,
        """
        import json
        def work():
            from json import (
                loads,
                no_such_name,
            )
            import airflow_of_mine
            from airflow.no_such_module import name
        def other():
            try:
                import airflow.no_such_module
            except ImportError:
                pass
            if json:
                import airflow.no_such_module
        """,
    )
    ((line, name, error),) = find_missing_imports(str(file))
    assert (line, name) == (8, "airflow.no_such_module.name")
    assert error.startswith("No module named 'airflow")


def test_an_import_that_fails_in_a_task_explains_its_failure(tmp_path: Path) -> None:
    file = write(tmp_path, "def work():\n    from airflow.utils.dates import days_ago\n    return days_ago(1)\n")
    log = (
        f'Traceback (most recent call last):\n  File "{file}", line 2, in work\n    from airflow.utils.dates import '
        "days_ago\nImportError: cannot import name 'days_ago' from 'airflow.utils.dates'\n"
    )
    assert hint_for_failure(tmp_path, file, log, ON_3) == (
        "d.py:2: Airflow 3.3.2 has no airflow.utils.dates.days_ago; write a date: datetime(2021, 1, 1)"
    )
    assert hint_for_failure(tmp_path, file, "ValueError: other\n", ON_3) is None


@pytest.mark.parametrize(
    ("line", "error"),
    [
        ("context.get('execution_date').year", "AttributeError: 'NoneType' object has no attribute 'year'"),
        (
            "context['ti'].execution_date",
            "AttributeError: 'RuntimeTaskInstance' object has no attribute 'execution_date'",
        ),
    ],
)
def test_the_line_of_a_finding_explains_a_failure(tmp_path: Path, line: str, error: str) -> None:
    file = write(tmp_path, f"def work(**context):\n    {line}\n")
    log = f'Traceback (most recent call last):\n  File "{file}", line 2, in work\n{error}\n'
    assert "Airflow 3 has no 'execution_date'" in str(hint_for_failure(tmp_path, file, log, ON_3))


def test_findings_are_grouped_by_cause(tmp_path: Path) -> None:
    error = "Traceback:\n  File \"{}\", line 1, in <module>\nModuleNotFoundError: No module named 'cosmos'\n"
    files = [write(tmp_path, "import cosmos\n", f"d{number:02}.py") for number in range(37)]
    errors = {str(file): error.format(file) for file in files}
    (finding,) = find_in_broken_files(errors, NOTHING, tmp_path, ON_3)
    assert str(finding) == (
        "d00.py:1, d01.py:1, d02.py:1, d03.py:1 and 33 more: No module named 'cosmos'; "
        "install astronomer-cosmos in Airflow's environment"
    )
    assert len(finding.places) == 37
    assert group_errors(DagBag({}, errors)) == {
        "ModuleNotFoundError: No module named 'cosmos'": [str(file) for file in files]
    }


def test_a_missing_module_of_the_project(tmp_path: Path) -> None:
    assert find_broken(tmp_path, "import mine.code", "ModuleNotFoundError: No module named 'mine'") == [
        "d.py:1: No module named 'mine'; install its package in Airflow's environment, or set pythonpath in "
        "[tool.harness] if the module is the project's"
    ]


@pytest.mark.parametrize(
    ("source", "error", "finding"),
    [
        ("type Row = dict\n", "SyntaxError: invalid syntax", "the file needs Python 3.12"),
        ('print(f"{"a"}")\n', "SyntaxError: f-string: expecting '}'", "the file needs Python 3.12"),
        (
            "from typing import override\n",
            "ImportError: cannot import name 'override' from 'typing' (/usr/lib/python3.11/typing.py)",
            "typing.override needs Python 3.12",
        ),
    ],
)
def test_a_file_that_needs_a_newer_python(tmp_path: Path, source: str, error: str, finding: str) -> None:
    (found,) = find_broken(tmp_path, source, error)
    assert found == f"d.py:1: {finding}; use an Airflow environment with Python 3.12 or newer"
    newer = replace(ON_3, python_version="3.12.1")
    assert finding not in json.dumps(find_broken(tmp_path, source, on=newer))
