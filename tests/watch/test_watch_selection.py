"""Selecting the scenarios of a save, by the DAGs that they ran and by imports."""

from __future__ import annotations

from pathlib import Path

import pytest

from harness.watch.index import IndexedScenario, RoundReport, ScenarioIndex, update_index
from harness.watch.selection import EVERYTHING, NOTHING, Project, Selection, select_scenarios

FILES = {
    "conftest.py": 'pytest_plugins = ["scenarios.seeds"]',
    "pyproject.toml": "",
    "README.md": "",
    "setup.py": "",
    "dags/sales.py": 'from lib import prices\nwith DAG("sales"):\n    pass',
    "dags/stock.py": 'from lib.shelves import count\nDAG_ID = "stock"\ndag = models.DAG(dag_id=DAG_ID)',
    "dags/unused.py": "@dag(schedule=None)\ndef unused(): ...",
    "dags/made.py": "for name in NAMES: DAG(name)",
    "dags/others.py": "for name in OTHERS: DAG(name)",
    "dags/new.py": 'DAG("new")',
    "dags/lib/__init__.py": "",
    "dags/lib/prices.py": "from . import rounding",
    "dags/lib/rounding.py": "",
    "dags/lib/shelves.py": "def count():\n    import lib.bins",
    "dags/lib/bins.py": "",
    "dags/lib/lonely.py": "",
    "dags/query.sql": "",
    "scenarios/__init__.py": "",
    "scenarios/seeds.py": "",
    "scenarios/expected.py": "",
    "scenarios/test_sales.py": "from scenarios.expected import a",
    "scenarios/test_stock.py": "",
    "scenarios/rows.csv": "",
}
SALES, STOCK, MADE = "test_sales.py::test_sales", "test_stock.py::test_stock", "test_stock.py::test_made"
ALL = {SALES, STOCK, MADE}


@pytest.fixture
def project(tmp_path: Path) -> Project:
    for name, text in FILES.items():
        (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / name).write_text(text)
    root = tmp_path.resolve()
    return Project(root, root / "dags", (root / "include",), excluded=root / "scenarios/harness")


@pytest.fixture
def index(project: Project) -> ScenarioIndex:
    """Return the index update_index a first round of every scenario."""
    scenarios, dags = project.root / "scenarios", project.dags_folder
    return ScenarioIndex(
        {
            SALES: IndexedScenario(
                scenarios / "test_sales.py", frozenset({"sales"}), frozenset({dags / "sales.py"}), True
            ),
            STOCK: IndexedScenario(
                scenarios / "test_stock.py", frozenset({"stock"}), frozenset({dags / "stock.py"}), True
            ),
            MADE: IndexedScenario(scenarios / "test_stock.py", frozenset({"x"}), frozenset({dags / "made.py"}), True),
        },
        dag_files=frozenset({dags / name for name in ("sales.py", "stock.py", "made.py", "unused.py", "others.py")}),
        incomplete=False,
    )


@pytest.mark.parametrize(
    ("saved", "selected"),
    [
        ("dags/sales.py", {SALES}),
        ("dags/made.py", {MADE}),
        ("dags/unused.py", set()),
        ("dags/others.py", set()),
        ("dags/new.py", set()),
        ("dags/lib/prices.py", {SALES}),
        ("dags/lib/rounding.py", {SALES}),
        ("dags/lib/bins.py", {STOCK}),
        ("dags/lib/__init__.py", {SALES, STOCK}),
        ("scenarios/expected.py", {SALES}),
        ("scenarios/seeds.py", ALL),
        ("scenarios/__init__.py", ALL),
        ("conftest.py", ALL),
    ],
)
def test_a_saved_file_selects_the_scenarios_that_read_it(
    saved: str, selected: set[str], index: ScenarioIndex, project: Project
) -> None:
    assert select_scenarios({project.root / saved}, index, project) == Selection(frozenset(selected))


@pytest.mark.parametrize(
    "saved",
    [
        *("dags/query.sql", "dags/lib/lonely.py", "dags/gone.py", "dags/.airflowignore", "pyproject.toml"),
        *("include/query.sql", "include/shared.py"),
    ],
)
def test_a_file_with_unknown_readers_selects_everything(saved: str, index: ScenarioIndex, project: Project) -> None:
    assert select_scenarios({project.root / saved}, index, project) == EVERYTHING


@pytest.mark.parametrize("saved", ["README.md", "setup.py", "scenarios/rows.csv", "scenarios/harness/plugin.py"])
def test_an_unrelated_file_selects_nothing(saved: str, index: ScenarioIndex, project: Project) -> None:
    assert select_scenarios({project.root / saved}, index, project) == NOTHING


def test_a_scenario_file_is_selected_as_a_whole(index: ScenarioIndex, project: Project) -> None:
    known, new = project.root / "scenarios/test_stock.py", project.root / "scenarios/test_new.py"
    new.touch()

    assert select_scenarios({known}, index, project) == Selection(frozenset({STOCK, MADE}), frozenset({known}))
    assert select_scenarios({new}, index, project) == Selection(files=frozenset({new}))


def test_several_saves_are_one_selection(index: ScenarioIndex, project: Project) -> None:
    saved = {project.dags_folder / "sales.py", project.dags_folder / "lib/bins.py", project.root / "README.md"}

    assert select_scenarios(saved, index, project) == Selection(frozenset({SALES, STOCK}))


def test_an_incomplete_scenario_is_selected_by_every_dag_file(index: ScenarioIndex, project: Project) -> None:
    scenarios = {**index.scenarios, MADE: IndexedScenario(project.root / "scenarios/test_stock.py", frozenset({"x"}))}
    incomplete = ScenarioIndex(scenarios, dag_files=index.dag_files, incomplete=False)

    assert select_scenarios({project.dags_folder / "sales.py"}, incomplete, project) == Selection(
        frozenset({SALES, MADE})
    )
    assert select_scenarios({project.root / "scenarios/expected.py"}, incomplete, project) == Selection(
        frozenset({SALES})
    )


def test_a_dag_in_another_file_selects_its_scenarios(index: ScenarioIndex, project: Project) -> None:
    other = project.dags_folder / "unused.py"
    other.write_text('DAG("stock")')

    assert select_scenarios({other}, index, project) == Selection(frozenset({STOCK}))


def test_an_incomplete_index_selects_everything(index: ScenarioIndex, project: Project) -> None:
    incomplete = ScenarioIndex(index.scenarios, dag_files=index.dag_files, incomplete=True)

    assert select_scenarios({project.root / "conftest.py"}, incomplete, project) == EVERYTHING
    assert select_scenarios({project.dags_folder / "unused.py"}, ScenarioIndex(), project) == EVERYTHING
    assert select_scenarios({project.root / "README.md"}, incomplete, project) == NOTHING


def create_report(project: Project, **values: object) -> RoundReport:
    file = str(project.root / "scenarios/test_stock.py")
    empty: dict[str, object] = {"broken": [], "outcomes": {}, "runs": {}, "dag_files": {}}
    return RoundReport(**{"collected": {STOCK: file, MADE: file}, **empty, **values})  # type: ignore[arg-type]


def test_files_of_dags_come_from_the_database_else_from_the_source(project: Project) -> None:
    dag_file = str(project.dags_folder / "made.py")
    runs = {STOCK: ["stock"], MADE: ["x"]}

    recorded = update_index(
        ScenarioIndex(), create_report(project, runs=runs, dag_files={"x": dag_file}), None, project.dags_folder
    )
    assert {node: (scenario.dag_files, scenario.complete) for node, scenario in recorded.scenarios.items()} == {
        STOCK: ({project.dags_folder / "stock.py"}, True),
        MADE: ({project.dags_folder / "made.py"}, True),
    }
    assert not recorded.incomplete
    unrecorded = update_index(ScenarioIndex(), create_report(project, runs=runs), None, project.dags_folder)
    assert not unrecorded.scenarios[MADE].complete


def test_a_failure_keeps_known_files_and_a_success_replaces_them(index: ScenarioIndex, project: Project) -> None:
    runs: dict[str, list[str]] = {STOCK: ["gone"]}
    failed = create_report(project, runs=runs, outcomes={STOCK: "failed"})
    passed = create_report(project, runs={STOCK: ["sales"]}, outcomes={STOCK: "passed"})
    file = frozenset({project.root / "scenarios/test_stock.py"})

    kept = update_index(index, failed, file, project.dags_folder).scenarios[STOCK]
    assert (kept.dag_files, kept.complete) == ({project.dags_folder / "stock.py"}, False)
    replaced = update_index(index, passed, file, project.dags_folder).scenarios[STOCK]
    assert replaced.dag_files == {project.dags_folder / "sales.py"}


def test_a_skipped_scenario_is_selected_by_its_own_files_only(project: Project) -> None:
    updated = update_index(
        ScenarioIndex(),
        create_report(project, runs={STOCK: []}, outcomes={STOCK: "skipped"}),
        None,
        project.dags_folder,
    )

    assert select_scenarios({project.dags_folder / "stock.py"}, updated, project) == Selection(frozenset({MADE}))


def test_a_removed_scenario_is_dropped_and_an_uncollected_one_is_kept(index: ScenarioIndex, project: Project) -> None:
    file = project.root / "scenarios/test_stock.py"
    removed = create_report(project, collected={STOCK: str(file)})
    uncollected = create_report(project, collected={}, broken=[str(file)])

    assert set(update_index(index, removed, frozenset({file}), project.dags_folder).scenarios) == {SALES, STOCK}
    broken = update_index(index, uncollected, frozenset({file}), project.dags_folder)
    assert set(broken.scenarios) == ALL
    assert broken.broken == {file}
    fixed = update_index(broken, create_report(project), frozenset({file}), project.dags_folder)
    assert fixed.broken == frozenset()
