"""The combinations of `harness matrix` in pyproject and in a file."""

from __future__ import annotations

from pathlib import Path

import pytest

from harness.airflow.making.targets import Wanted
from harness.errors import HarnessError
from harness.settings import Settings
from harness.upgrade.combinations import read_combinations, wanted_of

MATRIX = """
[now]
[next]
to = ["airflow==3.3.2", "requirements.txt", "minio=build:RELEASE.2025-10-15T17-29-55Z"]
dags_folder = "edited"
without = {"test_it.py::test_old" = "the operator was removed"}
"""


@pytest.fixture
def root(tmp_path: Path) -> Path:
    (tmp_path / "edited").mkdir()
    for name in ("requirements.txt", "test_it.py", "edited/dag.py"):
        (tmp_path / name).touch()
    (tmp_path / "pyproject.toml").write_text("[tool.harness]\n" + MATRIX.replace("\n[", "\n[tool.harness.matrix."))
    (tmp_path / "matrix.toml").write_text(MATRIX)
    return tmp_path


@pytest.mark.parametrize("file", [None, "matrix.toml"])
def test_pyproject_and_a_file_have_the_same_form(root: Path, file: str | None) -> None:
    settings = Settings.load(root, (), {}, {})
    found = read_combinations(settings, root / file if file else None)
    assert list(found) == ["now", "next"]
    assert found["next"].dags_folder == root / "edited"
    assert found["next"].without == {"test_it.py::test_old": "the operator was removed"}
    assert wanted_of(found["now"], root) == Wanted()
    wanted = wanted_of(found["next"], root)
    assert (wanted.airflow, wanted.file) == ("3.3.2", root / "requirements.txt")
    assert wanted.images == {"minio": "build:RELEASE.2025-10-15T17-29-55Z"}


def test_some_of_the_combinations(root: Path) -> None:
    assert list(read_combinations(Settings.load(root, (), {}, {}), None, ["next"])) == ["next"]


@pytest.mark.parametrize(
    ("matrix", "only", "message"),
    [
        ("", (), "matrix FILE: there is no combination: write a table for each, with the list `to` in it"),
        ("[next]", ("last",), "--only last: matrix FILE has no such combination: use next"),
        (
            "next = 3",
            (),
            "'next' in matrix FILE: Input should be a valid dictionary or instance of Combination (given: 3)",
        ),
        ("[next]\ntoo = []", (), "'next.too' in matrix FILE: Extra inputs are not permitted (given: [])"),
        ('["a b"]', (), "combination 'a b': a name has 1 to 64 letters, digits, dots, underscores and hyphens"),
        ("next", (), "matrix FILE can't be read as TOML: "),
        (
            '[next]\nto = ["3.3.2"]',
            (),
            "combination 'next' in matrix FILE: target '3.3.2': write airflow==3.3.2, python==3.12, PACKAGE==VERSION",
        ),
        (
            '[next]\nwithout = {"test_no.py::test_it" = "no engine"}',
            (),
            "combination 'next' in matrix FILE: scenario 'test_no.py::test_it' in `without`: there is no such file",
        ),
        ('[next]\ndags_folder = "none"', (), "the dags folder "),
    ],
)
def test_an_invalid_matrix_is_refused_in_one_line(root: Path, matrix: str, only: tuple[str, ...], message: str) -> None:
    file = root / "matrix.toml"
    file.write_text(matrix)
    with pytest.raises(HarnessError) as error:
        read_combinations(Settings.load(root, (), {}, {}), file, only)
    assert message.replace("FILE", str(file)) in str(error.value)
    assert "\n" not in str(error.value)


def test_a_missing_file_is_named(root: Path) -> None:
    with pytest.raises(HarnessError, match=r"can't be read .No such file or directory.: correct its name"):
        read_combinations(Settings.load(root, (), {}, {}), root / "none.toml")
