"""What the forecast reads from Airflow's output."""

from __future__ import annotations

from harness.settings import Settings
from harness.upgrade.forecast import make_forecast, parse_lint

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
