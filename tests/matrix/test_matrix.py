"""`harness matrix`: its table, from evidence that was recorded before."""

from __future__ import annotations

import json
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import pytest
from rich.console import Console

from harness.cli import main
from harness.compare.read import Side as Evidence
from harness.errors import AirflowEnvironmentError
from harness.upgrade import run_matrix
from harness.upgrade.matrix import Matrix, make_column
from harness.upgrade.matrix_table import format_markdown, print_matrix, shorten
from harness.upgrade.sides import Side, SideRun
from tests.compare.builders import evidence, run, scenario, side, stored, task

PRICES, ORDERS, DIGITS = (f"scenarios/test_{name}.py::test_it" for name in ("prices", "orders", "digits"))
NO_ENGINE = "no Docker engine"


def prices(text: str) -> Any:
    return scenario(run(objects={"data": {"out.csv": stored(text)}}), name=PRICES)


def orders(outcome: str, **changes: str) -> Any:
    failed = outcome == "failed"
    states = {"state": "failed", "exit_code": 1, "tasks": {"load": task("failed")}} if failed else {}
    return scenario(run("orders", **states), name=ORDERS, outcome=outcome, **changes)


FIRST = (prices("a\n1\n"), orders("passed"))
LAST = (prices("a\n2\n"), orders("failed", failure="AssertionError: no rows\nassert 0"))
SKIPPED = scenario(name=DIGITS, outcome="not run", reason=NO_ENGINE)


def column(name: str, evidence: Evidence | str, first: Evidence | None = None, **without: str) -> Any:
    return make_column(name, [f"airflow=={name}"], without, evidence, first)


def results(matrix: Matrix) -> dict[str, list[str]]:
    return {name: [column.cell(name).result for column in matrix.columns] for name in matrix.scenarios}


def test_a_row_for_each_scenario() -> None:
    first = side(*FIRST, SKIPPED)
    without = {"scenarios/test_digits.py": "needs numpy"}
    columns = (
        column("3.1", first),
        column("3.2", side(*FIRST), first, **without),
        column("3.3", side(*LAST), first),
        column("3.4", "airflow==3.4: the package index has no such version"),
    )
    matrix = Matrix(columns=columns)
    assert results(matrix) == {
        DIGITS: ["not run", "not run", "not run", "not run"],
        ORDERS: ["passed", "passed", "failed", "not run"],
        PRICES: ["passed", "passed", "changed", "not run"],
    }
    reasons = [column.cell(DIGITS).reason for column in columns]
    assert reasons == [NO_ENGINE, "needs numpy", "pytest did not collect it", columns[3].failed]
    assert columns[2].cell(ORDERS).reason == "AssertionError: no rows"
    assert "out.csv" in columns[2].cell(PRICES).reason
    assert Matrix.model_validate_json(matrix.model_dump_json()) == matrix


@pytest.mark.parametrize(
    ("columns", "code"),
    [
        ((side(*FIRST),), 0),
        ((side(*FIRST), side(LAST[0])), 0),
        ((side(*FIRST), side(*LAST)), 1),
        ((side(*FIRST), "uv failed"), 1),
        ((side(SKIPPED),), 1),
        ((side(*FIRST, without_evidence=(DIGITS,)),), 1),
    ],
    ids=["passed", "changed", "failed", "not installed", "nothing ran", "no evidence"],
)
def test_the_exit_code_is_about_failures(columns: Sequence[Evidence | str], code: int) -> None:
    first = columns[0] if isinstance(columns[0], Evidence) else None
    assert Matrix(columns=tuple(column("3.3", one, first) for one in columns)).exit_code == code


def test_names_without_their_folder_if_they_stay_different() -> None:
    assert shorten(["a/b/test_c.py::test_d", "a/test_e.py::test_f[x/y]"]) == {
        "a/b/test_c.py::test_d": "test_c.py::test_d",
        "a/test_e.py::test_f[x/y]": "test_e.py::test_f[x/y]",
    }
    assert list(shorten(["a/test_c.py::test_d", "b/test_c.py::test_d"]).values()) == [
        "a/test_c.py::test_d",
        "b/test_c.py::test_d",
    ]


def test_markdown_escapes_what_the_scenarios_say() -> None:
    text = format_markdown(Matrix(columns=(column("3.3", side(orders("failed", failure="<b>|`"))),)))
    assert "| test\\_orders.py::test\\_it | ❌ failed |" in text
    assert "- 3.3: failed: test\\_orders.py::test\\_it: &lt;b&gt;\\|\\`" in text


@pytest.fixture
def asked() -> list[tuple[str, ...]]:
    """Combination and arguments of each pytest."""
    return []


@pytest.fixture
def project(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, asked: list[tuple[str, ...]]) -> Path:
    """A project whose combinations run without Airflow and services: each leaves evidence of its own."""
    (tmp_path / "pyproject.toml").write_text(
        '[tool.harness]\nstack = "embedded"\n'
        "[tool.harness.matrix.first]\n"
        '[tool.harness.matrix.last]\nto = ["airflow==3.3.2"]\nwithout = {"test_digits.py" = "needs numpy"}\n'
        '[tool.harness.matrix.none]\nto = ["airflow==9.9"]\n'
        '[tool.harness.matrix.image]\nto = ["minio=minio:latest"]\n'
    )
    (tmp_path / "test_digits.py").touch()
    monkeypatch.chdir(tmp_path)
    monkeypatch.delenv("HARNESS_STACK", raising=False)

    def prepare_side(name: Any, wanted: Any, settings: Any, dags_folder: Any, *, progress: Any) -> Side:
        if wanted.airflow == "9.9":
            raise AirflowEnvironmentError("airflow==9.9: the package index has no such version")
        return Side("A", name)

    def run_side(
        side: Side, scenarios: Any, folder: Path, services: Any, progress: Any, what: str, more: Any
    ) -> SideRun:
        asked.append((what, *scenarios.arguments, *more))
        evidence(folder, *(LAST if what == "last" else FIRST))
        return SideRun(side, folder)

    monkeypatch.setattr(run_matrix, "prepare_side", prepare_side)
    monkeypatch.setattr(run_matrix, "run_side", run_side)
    return tmp_path


def test_one_table_of_all_combinations(
    project: Path, asked: list[tuple[str, ...]], capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["matrix", "--report", "report", "-k", "prices"]) == 1

    assert asked == [("first", "-k", "prices"), ("last", "-k", "prices", "--deselect=test_digits.py")]
    shown = capsys.readouterr().out
    assert [line.split() for line in shown.splitlines() if line.strip().startswith(("scenario", "test_"))] == [
        ["scenario", "first", "last", "none", "image"],
        ["test_orders.py::test_it", "passed", "failed", "not", "run", "not", "run"],
        ["test_prices.py::test_it", "passed", "changed", "not", "run", "not", "run"],
    ]
    assert "first: Airflow 2.11.2, Python 3.12.3" in shown
    assert "last: failed: test_orders.py::test_it: AssertionError: no rows" in shown
    assert "none: no results: airflow==9.9: the package index has no such version" in shown
    assert "image: no results: target minio=minio:latest: the embedded stack uses no images" in shown
    report = project / "report"
    assert sorted(file.name for file in report.iterdir()) == [".gitignore", "first", "last", "matrix.json", "matrix.md"]
    assert results(Matrix.model_validate_json((report / "matrix.json").read_text()))[PRICES][1] == "changed"
    assert "❌ failed" in (report / "matrix.md").read_text()


def test_one_combination_as_json(project: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["matrix", "--only", "first", "--json"]) == 0
    assert [column["name"] for column in json.loads(capsys.readouterr().out)["columns"]] == ["first"]
    assert (project / ".harness" / "matrix" / "first" / "session.json").is_file()


def test_the_shards_of_each_side_are_compared_as_one(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    folders = {}
    for name, scenarios in {"a": FIRST, "b": FIRST}.items():
        folders[name] = [
            str(evidence(tmp_path / f"{number}" / name, one, shard=(number, 2)))
            for number, one in enumerate(scenarios, start=1)
        ]
    assert main(["compare", "--baseline", *folders["a"], "--candidate", *folders["b"]]) == 0
    assert main(["compare", "--baseline", *folders["a"], "--candidate", folders["b"][1]]) == 2
    assert "shard 1 of 2 is missing" in capsys.readouterr().err


def test_a_combination_without_a_scenario_of_the_first_keeps_its_results(
    project: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    def run_side(side: Side, scenarios: Any, folder: Path, services: Any, progress: Any, what: str, more: Any) -> Any:
        evidence(folder, FIRST[0 if what == "first" else 1])
        return SideRun(side, folder)

    monkeypatch.setattr(run_matrix, "run_side", run_side)
    assert main(["matrix", "--report", "report", "--only", "first", "--only", "last"]) == 0
    found = results(Matrix.model_validate_json((project / "report" / "matrix.json").read_text()))
    assert found == {ORDERS: ["not run", "passed"], PRICES: ["passed", "not run"]}
    line = "last has no scenario of first, the first combination, so none is shown as changed"
    assert line in capsys.readouterr().out
    assert f"- {line}\n" in (project / "report" / "matrix.md").read_text()


def test_a_first_combination_without_results_is_named(capsys: pytest.CaptureFixture[str]) -> None:
    columns = column("3.2", "uv failed"), column("3.3", side(*FIRST))
    print_matrix(Matrix(columns=columns), Console(width=160))
    line = "3.2, the first combination, has no results, so no scenario is shown as changed"
    assert capsys.readouterr().out.count(line) == 1
    assert "is shown as changed" not in format_markdown(Matrix(columns=columns[1:]))
    assert "is shown as changed" not in format_markdown(Matrix(columns=columns[:1]))
