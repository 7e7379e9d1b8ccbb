"""What the forecast reads from Airflow's output and from evidence."""

from __future__ import annotations

from harness.evidence.document import FolderDocument, RunDocument, ScenarioDocument, Versions, WarningDocument
from harness.settings import Settings
from harness.upgrade.forecast import list_deprecations, make_forecast, parse_lint

LINT = """\
[2026-11-30T02:23:28.049+0000] {providers_manager.py:953} INFO - a line of the log
Found issues in your airflow.cfg:
  - Removed deprecated `allow_trigger_in_future` configuration parameter from `scheduler` section.
  - Changed default value of `catchup_by_default` in `scheduler` from `True` to `False`.
This means that DAGs without `catchup` will not catch up.
Set this to `True`.
  - `default_capacity` configuration parameter renamed to `capacity` in the `triggerer` section.

Please update your configuration file accordingly.
"""


def test_each_finding_of_airflows_lint_is_one_line() -> None:
    assert parse_lint(LINT) == [
        "Removed deprecated `allow_trigger_in_future` configuration parameter from `scheduler` section.",
        "Changed default value of `catchup_by_default` in `scheduler` from `True` to `False`. This means that DAGs "
        "without `catchup` will not catch up. Set this to `True`.",
        "`default_capacity` configuration parameter renamed to `capacity` in the `triggerer` section.",
    ]
    assert parse_lint("No issues found in your airflow.cfg. It is ready for Airflow 3!\n") == []


def test_a_check_that_can_not_be_done_says_so(harness_settings: Settings) -> None:
    forecast = make_forecast(None, harness_settings, "Airflow is in an image")

    assert [section.note for section in forecast.sections] == ["not done: Airflow is in an image"] * 2
    assert forecast.dags is None


def test_the_baselines_deprecations_are_listed_once() -> None:
    old = WarningDocument(text="use the SDK", category="RemovedInAirflow4Warning", file="orders.py", line=3)
    other = WarningDocument(text="slow", category="UserWarning", file="orders.py", line=4)
    repeated = WarningDocument(text="`a.b` is deprecated.", category="UserWarning", file="orders.py", line=5)
    run = RunDocument(dag_id="orders", date="2021-01-01", warnings=(old, other, repeated, old))
    scenarios = [
        ScenarioDocument(scenario=name, outcome="passed", versions=Versions(harness="1"), runs=(run,)) for name in "ab"
    ]

    unrun = old.model_copy(update={"file": "unrun.py"})

    section = list_deprecations(scenarios, FolderDocument(schedules={}, warnings=(old, unrun)))

    assert section.rows == (
        ("orders.py:3", "use the SDK", "2"),
        ("orders.py:5", "`a.b` is deprecated.", "2"),
        ("unrun.py:3", "use the SDK", "0"),
    )
    assert list_deprecations([]).note == "nothing found"
