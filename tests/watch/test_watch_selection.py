"""Which scenarios a save concerns: by the DAGs that they ran, and by what is seen to import what."""

from __future__ import annotations

from pathlib import Path

import pytest

from harness.watch.index import Noted, Notes, Told, after
from harness.watch.selection import EVERYTHING, NOTHING, Choice, Project, choose

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
    return Project(tmp_path.resolve(), tmp_path.resolve() / "dags", not_ours=tmp_path.resolve() / "scenarios/harness")


@pytest.fixture
def notes(project: Project) -> Notes:
    """After a first round of everything."""
    scenarios, dags = project.root / "scenarios", project.dags_folder
    return Notes(
        {
            SALES: Noted(scenarios / "test_sales.py", frozenset({"sales"}), frozenset({dags / "sales.py"}), True),
            STOCK: Noted(scenarios / "test_stock.py", frozenset({"stock"}), frozenset({dags / "stock.py"}), True),
            MADE: Noted(scenarios / "test_stock.py", frozenset({"x"}), frozenset({dags / "made.py"}), True),
        },
        dag_files=frozenset({dags / name for name in ("sales.py", "stock.py", "made.py", "unused.py", "others.py")}),
        lost=False,
    )


@pytest.mark.parametrize(
    ("saved", "chosen"),
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
def test_the_scenarios_that_are_seen_to_use_it(saved: str, chosen: set[str], notes: Notes, project: Project) -> None:
    assert choose({project.root / saved}, notes, project) == Choice(frozenset(chosen))


@pytest.mark.parametrize(
    "saved", ["dags/query.sql", "dags/lib/lonely.py", "dags/gone.py", "dags/.airflowignore", "pyproject.toml"]
)
def test_everything_where_it_cant_be_seen(saved: str, notes: Notes, project: Project) -> None:
    assert choose({project.root / saved}, notes, project) == EVERYTHING


@pytest.mark.parametrize("saved", ["README.md", "setup.py", "scenarios/rows.csv", "scenarios/harness/plugin.py"])
def test_nothing_where_it_is_no_business_of_theirs(saved: str, notes: Notes, project: Project) -> None:
    assert choose({project.root / saved}, notes, project) == NOTHING


def test_a_file_of_scenarios_runs_as_a_whole_a_new_one_too(notes: Notes, project: Project) -> None:
    known, new = project.root / "scenarios/test_stock.py", project.root / "scenarios/test_new.py"
    new.touch()

    assert choose({known}, notes, project) == Choice(frozenset({STOCK, MADE}), frozenset({known}))
    assert choose({new}, notes, project) == Choice(files=frozenset({new}))


def test_a_burst_is_one_choice(notes: Notes, project: Project) -> None:
    saved = {project.dags_folder / "sales.py", project.dags_folder / "lib/bins.py", project.root / "README.md"}

    assert choose(saved, notes, project) == Choice(frozenset({SALES, STOCK}))


def test_a_scenario_whose_dag_was_not_found_runs_on_every_save_of_a_dag(notes: Notes, project: Project) -> None:
    scenarios = {**notes.scenarios, MADE: Noted(project.root / "scenarios/test_stock.py", frozenset({"x"}))}
    unsure = Notes(scenarios, dag_files=notes.dag_files, lost=False)

    assert choose({project.dags_folder / "sales.py"}, unsure, project) == Choice(frozenset({SALES, MADE}))
    assert choose({project.root / "scenarios/expected.py"}, unsure, project) == Choice(frozenset({SALES}))


def test_a_dag_that_moved_into_another_file_runs_its_scenarios(notes: Notes, project: Project) -> None:
    other = project.dags_folder / "unused.py"
    other.write_text('DAG("stock")')

    assert choose({other}, notes, project) == Choice(frozenset({STOCK}))


def test_after_a_round_that_came_to_nothing_every_save_runs_everything(notes: Notes, project: Project) -> None:
    lost = Notes(notes.scenarios, dag_files=notes.dag_files, lost=True)

    assert choose({project.root / "conftest.py"}, lost, project) == EVERYTHING
    assert choose({project.dags_folder / "unused.py"}, Notes(), project) == EVERYTHING
    assert choose({project.root / "README.md"}, lost, project) == NOTHING


def told(project: Project, **given: object) -> Told:
    file = str(project.root / "scenarios/test_stock.py")
    empty: dict[str, object] = {"broken": [], "outcomes": {}, "runs": {}, "dag_files": {}}
    return Told(**{"collected": {STOCK: file, MADE: file}, **empty, **given})  # type: ignore[arg-type]


def test_a_round_notes_the_files_of_dags_from_the_database_else_from_their_own_words(project: Project) -> None:
    made = str(project.dags_folder / "made.py")
    runs = {STOCK: ["stock"], MADE: ["x"]}

    known = after(Notes(), told(project, runs=runs, dag_files={"x": made}), None, project.dags_folder)
    assert {node: (noted.dag_files, noted.sure) for node, noted in known.scenarios.items()} == {
        STOCK: ({project.dags_folder / "stock.py"}, True),
        MADE: ({project.dags_folder / "made.py"}, True),
    }
    assert not known.lost
    unknown = after(Notes(), told(project, runs=runs), None, project.dags_folder)
    assert not unknown.scenarios[MADE].sure


def test_a_failure_keeps_what_was_known_and_a_success_replaces_it(notes: Notes, project: Project) -> None:
    runs: dict[str, list[str]] = {STOCK: ["gone"]}
    failed = told(project, runs=runs, outcomes={STOCK: "failed"})
    passed = told(project, runs={STOCK: ["sales"]}, outcomes={STOCK: "passed"})
    file = frozenset({project.root / "scenarios/test_stock.py"})

    kept = after(notes, failed, file, project.dags_folder).scenarios[STOCK]
    assert (kept.dag_files, kept.sure) == ({project.dags_folder / "stock.py"}, False)
    replaced = after(notes, passed, file, project.dags_folder).scenarios[STOCK]
    assert replaced.dag_files == {project.dags_folder / "sales.py"}


def test_a_scenario_that_was_skipped_waits_for_its_own_files(project: Project) -> None:
    noted = after(Notes(), told(project, runs={STOCK: []}, outcomes={STOCK: "skipped"}), None, project.dags_folder)

    assert choose({project.dags_folder / "stock.py"}, noted, project) == Choice(frozenset({MADE}))


def test_a_scenario_that_is_gone_is_forgotten_and_one_that_cant_be_read_is_not(notes: Notes, project: Project) -> None:
    file = project.root / "scenarios/test_stock.py"
    gone = told(project, collected={STOCK: str(file)})
    unread = told(project, collected={}, broken=[str(file)])

    assert set(after(notes, gone, frozenset({file}), project.dags_folder).scenarios) == {SALES, STOCK}
    broken = after(notes, unread, frozenset({file}), project.dags_folder)
    assert set(broken.scenarios) == ALL
    assert broken.broken == {file}
    mended = after(broken, told(project), frozenset({file}), project.dags_folder)
    assert mended.broken == frozenset()
