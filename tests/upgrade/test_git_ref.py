"""The candidate's DAGs from a git reference."""

from __future__ import annotations

import subprocess
from pathlib import Path

import pytest

from harness.airflow.layout import find_layout
from harness.errors import SettingsError
from harness.images.catalogue import BUILT_IN
from harness.record.rules import create_normaliser
from harness.settings import Settings
from harness.upgrade.git_ref import dags_of_reference, extract_dags_folder


def commit(folder: Path) -> None:
    identity = ["-c", "user.name=a", "-c", "user.email=a@example.invalid", "-c", "commit.gpgsign=false"]
    for arguments in (["add", "."], [*identity, "commit", "-qm", "old"]):
        subprocess.run(["git", "-C", folder, *arguments], check=True)


@pytest.fixture
def repository(tmp_path: Path) -> Path:
    (tmp_path / "dags" / "shared").mkdir(parents=True)
    (tmp_path / "dags" / "orders.py").write_text("old\n")
    (tmp_path / "dags" / "shared" / "sums.py").write_text("")
    subprocess.run(["git", "-C", tmp_path, "init", "-q"], check=True)
    commit(tmp_path)
    (tmp_path / "dags" / "orders.py").write_text("new\n")
    return tmp_path


def test_the_dags_folder_is_as_the_reference_has_it(repository: Path, tmp_path_factory: pytest.TempPathFactory) -> None:
    folder = extract_dags_folder("HEAD", repository / "dags", repository, tmp_path_factory.mktemp("ref"))

    assert (folder / "orders.py").read_text() == "old\n"
    assert (folder / "shared" / "sums.py").exists()
    assert (repository / "dags" / "orders.py").read_text() == "new\n"


@pytest.mark.parametrize("reference", ["none", "--output=/tmp/x", "HEAD~9", ""])
def test_a_reference_that_git_lacks_is_refused_in_one_line(reference: str, repository: Path, tmp_path: Path) -> None:
    with pytest.raises(SettingsError, match=f"^--to-ref '{reference}'") as refused:
        extract_dags_folder(reference, repository / "dags", repository, tmp_path / "ref")
    assert "\n" not in str(refused.value)


def test_the_folders_around_the_dags_folder_and_links_are_as_the_reference_has_them(repository: Path) -> None:
    """DAGs of an Astro project import from `include`, and some folders in the dags folder are links."""
    (repository / "include").mkdir()
    (repository / "include" / "queries.py").write_text("old\n")
    (repository / "dags" / "queries").symlink_to("../include")
    (repository / "dags" / "elsewhere").symlink_to("/none")
    commit(repository)
    (repository / "include" / "queries.py").write_text("new\n")
    settings = Settings.load(repository, BUILT_IN)

    with dags_of_reference("HEAD", settings.dags_folder, settings.root, repository / "report") as folder:
        layout = find_layout(settings.model_copy(update={"dags_folder": folder}))
        (path,) = layout.python_path
        assert (path / "include" / "queries.py").read_text() == "old\n"
        assert (folder / "queries" / "queries.py").read_text() == "old\n"
        show = create_normaliser(settings.model_copy(update={"dags_folder": folder}), str)
        assert show(f"{path}/include/queries.py {folder}/orders.py") == "PROJECT/include/queries.py DAGS/orders.py"
    assert not path.exists()


def test_a_copy_that_a_killed_check_left_is_removed(repository: Path) -> None:
    for _ in range(2):
        killed = dags_of_reference("HEAD", repository / "dags", repository, repository / "report")
        copy = killed.__enter__()
        assert not (copy / "left.py").exists()
        (copy / "left.py").touch()


def test_a_dags_folder_that_the_reference_lacks_is_refused(repository: Path, tmp_path: Path) -> None:
    (repository / "new").mkdir()
    with pytest.raises(SettingsError, match=r"^--to-ref 'HEAD': git can't give .*/new at it \(it has no such folder\)"):
        extract_dags_folder("HEAD", repository / "new", repository, tmp_path / "ref")


@pytest.mark.parametrize("project", [".", "dags"])
def test_a_dags_folder_that_is_its_own_repository_is_written_alone(project: str, repository: Path) -> None:
    root, folder = repository / project, repository / "dags"
    subprocess.run(["git", "-C", folder, "init", "-q"], check=True)
    commit(folder)
    with dags_of_reference("HEAD", folder, root, repository / "report") as copy:
        assert (copy / "orders.py").exists()
        assert not copy.is_relative_to(folder), "Airflow would read the copy with the project's DAGs"
