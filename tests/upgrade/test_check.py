"""The upgrade check from its plan to the comparison; folders of evidence stand in for the sides' pytests."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from pathlib import Path

import pytest

from harness.airflow.dagbag import DagBag, DagFacts
from harness.cli import main
from harness.compare.model import Comparison
from harness.compare.read import Side as Evidence
from harness.compare.read import read_side
from harness.compare.verdicts import exit_code
from harness.errors import RunError
from harness.evidence.document import ScenarioDocument, WarningDocument
from harness.images.catalogue import BUILT_IN
from harness.progress import SILENT
from harness.settings import Settings
from harness.upgrade import check
from harness.upgrade.check import Plan, check_upgrade, find_scenarios
from harness.upgrade.every_dag import FILE
from harness.upgrade.forecast import Forecast
from harness.upgrade.migration import NOT_COVERED, Migration
from harness.upgrade.sides import Scenarios, Side, SideRun
from tests.compare.builders import brief, evidence, run, scenario, versions

PASSED = scenario(run(xcoms={"load": {"return_value": 1}}))
FAILED = scenario(run(state="failed", exit_code=1), outcome="failed", failure="load failed")
Check = Callable[..., Comparison]


@pytest.fixture
def plan(tmp_path: Path) -> Plan:
    settings = Settings.load(tmp_path, BUILT_IN)
    return Plan(settings, Side("A", "baseline"), Side("B", "candidate"), Scenarios(tmp_path), tmp_path / "report")


@pytest.fixture
def ran() -> list[str]:
    return []


@pytest.fixture
def check_with(monkeypatch: pytest.MonkeyPatch, ran: list[str]) -> Check:
    """A check in which each session leaves the given evidence."""

    def check_sides(
        plan: Plan, documents: Mapping[str, ScenarioDocument], shard: tuple[int, int] | None = None
    ) -> Comparison:
        def write_evidence(side: Side, _scenarios: Scenarios, folder: Path, *_: object) -> SideRun:
            ran.append(folder.name)
            if side.failed:
                return SideRun(side, folder, side.failed)
            airflow = {"a": "2.11.2", "b": "3.3.2"}[folder.name[0]]
            evidence(folder, documents[folder.name], versions=versions(airflow=airflow), shard=shard)
            return SideRun(side, folder)

        monkeypatch.setattr(check, "run_side", write_evidence)
        monkeypatch.setattr(check, "find_airflow_of", lambda side, settings: (None, "this project has no Airflow"))
        return check_upgrade(plan, SILENT)

    return check_sides


def test_a_killed_check_leaves_files_in_its_sessions_folder_alone(
    plan: Plan, check_with: Check, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    """Because that folder is known to `harness clean`."""
    (tmp_path / "temporary").mkdir()
    monkeypatch.setattr("tempfile.tempdir", str(tmp_path / "temporary"))
    monkeypatch.setenv("XDG_RUNTIME_DIR", str(tmp_path))
    left = []
    monkeypatch.setattr(check, "migrate", lambda *_: left.extend((tmp_path / "temporary").iterdir()) or Migration())

    check_with(replace(plan, repeat=False), {"a": PASSED, "b": PASSED})

    assert left == []


def test_a_check_runs_both_sides_and_the_baseline_again(plan: Plan, check_with: Check, ran: list[str]) -> None:
    compared = check_with(plan, {"a": PASSED, "b": FAILED, "a-repeat": PASSED})

    assert ran == ["a", "b", "a-repeat"]
    assert "regression" in {one.verdict for one in compared.differences}
    assert exit_code(compared) == 1
    notes = {section.title: section.note for section in compared.sections}
    assert notes["Forecast: Airflow settings"] == "not done: this project has no Airflow"
    assert [note for title, note in notes.items() if title.startswith("Metadata database")] == [
        f"not done: the baseline executed no run. {NOT_COVERED}"
    ]


def test_the_evidence_of_each_session_is_read_once(
    plan: Plan, check_with: Check, monkeypatch: pytest.MonkeyPatch
) -> None:
    read: list[str] = []

    def record(paths: Sequence[Path], every_shard: bool) -> Evidence:
        read.extend(path.name for path in paths)
        return read_side(paths, every_shard)

    monkeypatch.setattr(check, "read_side", record)
    check_with(plan, {"a": PASSED, "b": PASSED, "a-repeat": PASSED})

    assert sorted(read) == ["a", "a-repeat", "b"]


def test_without_a_repeat_an_earlier_check_says_what_is_unstable(plan: Plan, check_with: Check, ran: list[str]) -> None:
    other = scenario(run(xcoms={"load": {"return_value": 2}}))
    once = replace(plan, repeat=False)

    first = check_with(once, {"a": PASSED, "b": other})
    assert any("no unstable fields are known" in note for note in first.notes)
    assert exit_code(first) == 1

    check_with(plan, {"a": PASSED, "b": PASSED, "a-repeat": other})
    again = check_with(once, {"a": PASSED, "b": other})
    assert [(one.verdict, one.field) for one in again.differences] == [("unstable", "xcoms.load.return_value")]
    assert exit_code(again) == 0
    assert ran == ["a", "b", "a", "b", "a-repeat", "a", "b"]


def test_a_candidate_that_can_not_be_installed_is_a_result(plan: Plan, check_with: Check, ran: list[str]) -> None:
    broken = replace(plan.candidate, failed="airflow==99: the package index has no such version")

    compared = check_with(replace(plan, candidate=broken), {"a": PASSED})

    assert compared.not_comparable == "side B (candidate): airflow==99: the package index has no such version"
    assert exit_code(compared) == 2
    assert (compared.baseline.scenarios, compared.candidate.scenarios) == (1, 0), "the evidence of A stays"
    assert ran == ["a", "b"]
    notes = {section.title: section.note for section in compared.sections}
    assert notes["Forecast: deprecations that the baseline warns of"] == "nothing found"
    assert notes["Metadata database of the baseline, moved to the candidate"].startswith("not done: a side failed. ")


def test_sections_that_need_a_failed_baseline_say_so(plan: Plan, check_with: Check) -> None:
    broken = replace(plan.baseline, failed="no index answers")

    compared = check_with(replace(plan, baseline=broken), {"b": PASSED})

    assert compared.not_comparable == "side A (baseline): no index answers"
    notes = {section.title: section.note for section in compared.sections}
    assert notes["Forecast: deprecations that the baseline warns of"] == "not done: no index answers"


def test_sides_that_read_no_dag_are_a_result(plan: Plan, check_with: Check, ran: list[str]) -> None:
    """Without scenarios, what each side's Airflow reads decides what runs."""
    broken = replace(plan.candidate, failed="no index answers")

    compared = check_with(replace(plan, candidate=broken, date="2021-06-01"), {})

    assert compared.not_comparable == (
        "side A (baseline): this project has no Airflow; side B (candidate): no index answers"
    )
    assert exit_code(compared) == 2


def test_a_baseline_that_can_not_read_the_folder_leaves_the_candidates_dags(
    plan: Plan, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def fail(*_: object) -> DagBag:
        raise RunError("Airflow could not read dags: out of memory")

    monkeypatch.setattr(check, "find_airflow_of", lambda side, settings: (object(), ""))
    monkeypatch.setattr(check, "read_dags", fail)
    dated = replace(plan, date="2021-06-01")
    prices = {"prices": DagFacts("prices.py", None, None)}

    found = find_scenarios(dated, Forecast((), DagBag(prices, {})), tmp_path)
    assert "['prices']" in (tmp_path / FILE).read_text()
    assert (found.baseline.failed, found.candidate.failed) == (None, None), "the session of each side says why"

    found = find_scenarios(dated, Forecast((), DagBag({}, {})), tmp_path)
    assert found.baseline.failed == "Airflow could not read dags: out of memory"
    assert found.candidate.failed == f"its Airflow reads no DAG in {plan.settings.dags_folder}"


def test_a_baseline_of_which_nothing_ran_is_not_comparable(plan: Plan, check_with: Check) -> None:
    nothing = scenario(outcome="failed", failure="EngineError: no Docker engine answers\nmore")

    compared = check_with(replace(plan, repeat=False), {"a": nothing, "b": nothing})

    why = "no scenario ran a DAG: EngineError: no Docker engine answers"
    assert compared.not_comparable == f"side A (baseline): {why}; side B (candidate): {why}"
    assert exit_code(compared) == 2


def test_a_failed_migration_fails_the_check(plan: Plan, check_with: Check, monkeypatch: pytest.MonkeyPatch) -> None:
    failed = Migration(failed="KeyError: no such revision", command="airflow db migrate")
    monkeypatch.setattr(check, "migrate", lambda *_: failed)

    compared = check_with(replace(plan, repeat=False), {"a": PASSED, "b": PASSED})

    (difference,) = compared.differences
    assert (difference.scenario, difference.verdict) == ("metadata database", "regression")
    assert exit_code(compared) == 1


@pytest.mark.parametrize("repeat", [True, False])
def test_compare_judges_the_evidence_of_a_check_as_the_check_did(
    plan: Plan, check_with: Check, monkeypatch: pytest.MonkeyPatch, repeat: bool
) -> None:
    failed = Migration(failed="KeyError: no such revision", command="airflow db migrate")
    monkeypatch.setattr(check, "migrate", lambda *_: failed)
    other = scenario(run(xcoms={"load": {"return_value": 2}}))
    warned = WarningDocument(category="DeprecationWarning", file="prices.py", line=3, text="gone in Airflow 3")
    before = scenario(run(xcoms={"load": {"return_value": 1}}, warnings=(warned,)))
    check_with(plan, {"a": before, "b": other, "a-repeat": other})
    compared = check_with(replace(plan, repeat=repeat), {"a": before, "b": other, "a-repeat": other})

    (plan.settings.root / "pyproject.toml").write_text("[tool.harness]\n")
    monkeypatch.chdir(plan.settings.root)
    sides = [str(plan.evidence / name) for name in ("a", "b")]
    assert main(["compare", *sides, "--json", "again.json", "--accept", "accepted.toml"]) == 1

    again = Comparison.model_validate_json(Path("again.json").read_text())
    assert ("regression", "metadata.migration") in brief(again.differences)
    assert ("unstable", "xcoms.load.return_value") in brief(again.differences)
    assert any(section.rows for section in again.sections if "deprecations" in section.title)
    assert again == compared
    assert 'field = "metadata.migration"' in Path("accepted.toml").read_text()


@pytest.mark.parametrize(("failure", "code"), [("ImageError: nowhere can't be reached", 2), ("ValueError: 1", 1)])
def test_a_candidate_that_can_not_be_started_is_not_comparable(
    plan: Plan, check_with: Check, failure: str, code: int
) -> None:
    failed = scenario(outcome="failed", failure=failure)

    compared = check_with(replace(plan, repeat=False), {"a": PASSED, "b": failed})

    assert exit_code(compared) == code
    reason = "side B (candidate): no scenario ran a DAG: ImageError: nowhere can't be reached"
    assert compared.not_comparable == (reason if code == 2 else None)


def test_a_shard_is_checked_alone(plan: Plan, check_with: Check) -> None:
    compared = check_with(plan, {"a": PASSED, "b": PASSED, "a-repeat": PASSED}, shard=(1, 2))

    assert exit_code(compared) == 0
