"""What is shown of a failing task, from real logs of both Airflow lines (tests/report/logs: one DAG, each run once)."""

from __future__ import annotations

from pathlib import Path

import pytest

from harness.airflow.inside.supervisor import STACKS
from harness.evidence import evidence
from harness.evidence.task_log import find_exception, newest_attempts
from harness.report.task_log import build_excerpt, find_warnings, limit_lines

LOGS = Path(__file__).parent / "logs"
LINES = ("3.3", "2.11")


def attempts(line: str) -> dict[str, list[str]]:
    return newest_attempts((LOGS / f"airflow-{line}.txt").read_text())


@pytest.mark.parametrize("line", LINES)
def test_log_lines_are_split_by_task(line: str) -> None:
    found = attempts(line)
    assert set(found) == {"good", "bad", "bash", "group.mapped[0]", "group.mapped[1]", "group.mapped[2]"}
    assert "a warning of the good task" in "\n".join(found["good"])
    assert not any("good task" in text for name, lines in found.items() if name != "good" for text in lines)


@pytest.mark.parametrize("line", LINES)
def test_a_retried_task_shows_its_newest_attempt(line: str) -> None:
    shown = "\n".join(find_warnings(attempts(line)["bad"], 100))
    assert "attempt 2 warns" in shown
    assert "attempt 1" not in shown


@pytest.mark.parametrize("line", LINES)
def test_only_warnings_errors_and_exceptions_are_shown(line: str) -> None:
    shown = find_warnings(attempts(line)["bad"], 100)
    text = "\n".join(shown)
    assert shown[-1] == "RuntimeError: attempt 2 is broken"
    assert "KeyError: 'inner'" in shown
    assert "The above exception was the direct cause of the following exception:" in shown
    assert "python warns" in text
    assert "two lines\nof one error" in text
    assert "printed by" not in text
    assert "info of the bad task" not in text.lower()
    assert " INFO " not in text
    assert "[info " not in text


@pytest.mark.parametrize("line", LINES)
def test_frames_of_airflow_are_counted_except_the_one_that_raises(line: str) -> None:
    shown = find_warnings(attempts(line)["bash"], 100)
    assert sum("frames inside Airflow" in text for text in shown) == 1
    frames = [text for text in shown if text.startswith('  File "')]
    assert len(frames) == 1
    assert "standard/operators/bash.py" in frames[0]
    assert shown[-1].endswith("Bash command failed. The command returned a non-zero exit code 3.")


def test_messages_that_airflow_2_11_logs_twice_are_shown_once() -> None:
    lines = attempts("2.11")["group.mapped[1]"]
    assert "\n".join(lines).count("ValueError: two is bad") == 3
    assert "\n".join(find_warnings(lines, 100)).count("ValueError: two is bad") == 1


@pytest.mark.parametrize("line", LINES)
def test_the_exception_of_a_task_is_the_one_that_ended_its_newest_attempt(line: str) -> None:
    found = {name: find_exception(lines) for name, lines in attempts(line).items()}
    assert found["bad"] == "RuntimeError: attempt 2 is broken"
    assert str(found["bash"]).endswith("Bash command failed. The command returned a non-zero exit code 3.")
    assert found["good"] is None


def test_an_exception_may_have_an_indented_line() -> None:
    log = ["2026-01-01T00:00:00Z [error    ] Task failed with exception [task] loc=a.py:1"]
    log += ["Traceback (most recent call last):", '  File "/project/a.py", line 1, in f', "    f()", "    ^^^"]
    log += ['Undefined: column "price"', "LINE 1: price", "    ^"]
    assert find_exception(log) == 'Undefined: column "price"\nLINE 1: price\n    ^'


def test_the_stacks_of_a_timeout_follow_the_log_as_tracebacks() -> None:
    log = [
        f"{STACKS}8: python -m airflow",
        "Fatal Python error: Aborted",
        "",
        "Current thread 0x1 (most recent call first):",
    ]
    frames = ["/dags/etl.py", "/site-packages/airflow/a.py", "/site-packages/airflow/b.py", "<frozen runpy>"]
    log += [*(f'  File "{file}", line 3 in f' for file in frames), "", "Extension modules: yaml (total: 1)"]
    assert build_excerpt(["printed", *log], 100) == (
        "printed",
        f"{STACKS}8: python -m airflow",
        "Thread 0x1 (most recent call last):",
        "  ... 2 frames inside Airflow",
        '  File "/dags/etl.py", line 3, in f',
    )
    assert build_excerpt([f"printed {n}" for n in range(99)], 2) == ("printed 97", "printed 98")


def test_a_traceback_without_a_logger_is_shown() -> None:
    log = ["2026-01-01T00:00:00Z [info     ] fine [x] loc=a.py:1", "Traceback (most recent call last):"]
    log += ['  File "/project/a.py", line 1, in f', "    f()", "ImportError: no"]
    assert find_warnings(log, 100) == tuple(log[1:])


@pytest.mark.parametrize("line", LINES)
def test_warnings_of_every_run_are_not_shown(line: str) -> None:
    log = (LOGS / f"airflow-{line}.txt").read_text()
    assert "graphviz" in log
    for shown in (find_warnings(log.splitlines(), 500), evidence.find_warnings(log, LOGS)):
        text = "\n".join(shown)
        assert "a warning of the good task" in text
        assert "graphviz" not in text
        assert "httpx" not in text
        assert "Timer and timing metrics" not in text


def test_a_repeated_warning_is_shown_once() -> None:
    waits = "2026-01-01T00:00:0{}Z [warning  ] No tasks to run. unrunnable tasks: {{'wait'}} [airflow.sdk] loc=dag.py:1"
    log = [waits.format(second) for second in range(5)]
    assert find_warnings(log, 100) == (log[0],)
    assert len(evidence.find_warnings("\n".join(log), LOGS)) == 1


def test_a_log_without_warnings_gives_no_lines() -> None:
    assert find_warnings(["printed", "2026-01-01T00:00:00Z [info     ] fine [x] loc=a.py:1", "printed too"], 100) == ()


def test_the_last_lines_are_kept_and_the_others_are_counted() -> None:
    assert limit_lines(["a", "b", "c"], 3) == ("a", "b", "c")
    assert limit_lines(["a", "b", "c", "d"], 3) == ("... 2 lines before these", "c", "d")
