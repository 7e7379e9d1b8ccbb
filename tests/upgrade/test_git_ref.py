"""The candidate's DAGs from a git reference."""

from __future__ import annotations

import subprocess
from pathlib import Path

import pytest

from harness.errors import SettingsError
from harness.upgrade.git_ref import extract_dags_folder


@pytest.fixture
def repository(tmp_path: Path) -> Path:
    (tmp_path / "dags" / "shared").mkdir(parents=True)
    (tmp_path / "dags" / "orders.py").write_text("old\n")
    (tmp_path / "dags" / "shared" / "sums.py").write_text("")
    identity = ["-c", "user.name=a", "-c", "user.email=a@example.invalid", "-c", "commit.gpgsign=false"]
    for arguments in (["init", "-q"], ["add", "."], [*identity, "commit", "-qm", "old"]):
        subprocess.run(["git", "-C", tmp_path, *arguments], check=True)
    (tmp_path / "dags" / "orders.py").write_text("new\n")
    return tmp_path


def test_the_dags_folder_is_as_the_reference_has_it(repository: Path, tmp_path_factory: pytest.TempPathFactory) -> None:
    folder = extract_dags_folder("HEAD", repository / "dags", tmp_path_factory.mktemp("ref"))

    assert (folder / "orders.py").read_text() == "old\n"
    assert (folder / "shared" / "sums.py").exists()
    assert (repository / "dags" / "orders.py").read_text() == "new\n"


@pytest.mark.parametrize("reference", ["none", "--output=/tmp/x", "HEAD~9"])
def test_a_reference_that_git_lacks_is_refused_in_one_line(reference: str, repository: Path, tmp_path: Path) -> None:
    with pytest.raises(SettingsError, match=f"^--to-ref '{reference}'") as refused:
        extract_dags_folder(reference, repository / "dags", tmp_path)
    assert "\n" not in str(refused.value)
