"""The upgrade check from its plan to the comparison, with scenarios that need neither services nor Airflow."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest

from harness.compare.verdicts import exit_code
from harness.images.catalogue import BUILT_IN
from harness.progress import SILENT
from harness.settings import Settings
from harness.upgrade import check
from harness.upgrade.check import Plan, check_upgrade
from harness.upgrade.sides import Scenarios, Side
from tests.upgrade.conftest import write_scenario


@pytest.fixture
def plan(project: Path, monkeypatch: pytest.MonkeyPatch) -> Plan:
    monkeypatch.setattr(check, "find_airflow_of", lambda side, settings: (None, "this project has no Airflow"))
    settings = Settings.load(project, BUILT_IN)
    sides = Side("A", "baseline"), Side("B", "candidate")
    return Plan(settings, *sides, Scenarios(project), project / "report")


def test_a_check_runs_both_sides_and_the_baseline_again(plan: Plan) -> None:
    write_scenario(plan.settings.root, "assert world == 'baseline'")

    compared = check_upgrade(plan, SILENT)

    (difference,) = compared.differences
    assert (difference.verdict, difference.field) == ("regression", "outcome")
    assert exit_code(compared) == 1
    notes = {section.title: section.note for section in compared.sections}
    assert notes["Forecast: Airflow settings"] == "not done: this project has no Airflow"
    assert [note for title, note in notes.items() if title.startswith("Metadata database")] == [
        "not done: the baseline executed no run"
    ]
    folders = sorted(file.parent.name for file in plan.evidence.rglob("session.json"))
    assert folders == ["a", "a-repeat", "b"]

    # A second check without a repeat knows what was unstable, and that nothing failed on the baseline alone.
    again = check_upgrade(replace(plan, repeat=False), SILENT)
    assert [one.field for one in again.differences] == ["outcome"]
    assert not any("no unstable fields are known" in note for note in again.notes)


def test_without_a_repeat_a_first_check_says_that_no_noise_is_known(plan: Plan) -> None:
    compared = check_upgrade(replace(plan, repeat=False), SILENT)

    assert any("no unstable fields are known" in note for note in compared.notes)
    assert not (plan.evidence / "a-repeat").exists()


def test_a_candidate_that_can_not_be_installed_is_a_result(plan: Plan) -> None:
    broken = replace(plan.candidate, failed="airflow==99: the package index has no such version")

    compared = check_upgrade(replace(plan, candidate=broken), SILENT)

    assert compared.not_comparable == "side B (candidate): airflow==99: the package index has no such version"
    assert exit_code(compared) == 2
    assert compared.baseline.scenarios == 1, "the evidence of the other side stays"
    assert not (plan.evidence / "a-repeat").exists()


def test_a_baseline_of_which_nothing_ran_is_not_comparable(plan: Plan) -> None:
    write_scenario(plan.settings.root, "raise OSError('no engine')")

    compared = check_upgrade(replace(plan, repeat=False), SILENT)

    assert str(compared.not_comparable).startswith("side A (baseline): no scenario ran a DAG: ")
    assert exit_code(compared) == 2
