"""Which files of a run a container gets, and which files come back."""

from __future__ import annotations

import io
import tarfile
from pathlib import Path

from harness.airflow.container_files import list_folders, pack, unpack
from harness.airflow.environments import INSIDE
from harness.airflow.layout import Layout


def write(root: Path, *names: str) -> None:
    for name in names:
        (root / name).parent.mkdir(parents=True, exist_ok=True)
        (root / name).write_text(name)


def list_names(tar: tarfile.TarFile, folder: Path) -> set[str]:
    names = {f"/{member.name}" for member in tar if member.isreg()}
    return {name.removeprefix(f"{folder}/") for name in names}


def test_a_run_brings_its_home_and_what_its_variables_name(tmp_path: Path) -> None:
    home, root = tmp_path / "home", tmp_path / "project"
    home.mkdir()
    write(root, "dags/a.py", "config/settings.py", "data/x.csv", "plugins/p.py")
    Layout(config=root / "config").link_config(home)
    env = {
        "AIRFLOW__CORE__DAGS_FOLDER": str(root / "dags"),
        "AIRFLOW__CORE__PLUGINS_FOLDER": str(root / "plugins"),
        "PYTHONPATH": f"{root / 'lib'}:/elsewhere",
        "DATA": str(root / "data" / "x.csv"),
        "PATH": "/usr/bin",
        "OTHER": f"{root}-of-others",
        "NOTHING": str(root / "nothing"),
    }
    assert set(list_folders(env, home, root)) == {
        home,
        INSIDE,
        root / "dags",
        root / "plugins",
        root / "lib",
        Path("/elsewhere"),
        root / "config",
        root / "data" / "x.csv",
    }


def test_files_keep_their_paths_without_caches_and_environments(tmp_path: Path) -> None:
    root = tmp_path / "project"
    write(
        root, "dags/.airflowignore", "dags/deep/a.py", "dags/__pycache__/a.pyc", "dags/.git/b", "dags/venv/pyvenv.cfg"
    )
    write(tmp_path, "shared/common.py")
    (root / "dags" / "shared").symlink_to(tmp_path / "shared")
    (root / "dags" / "round").symlink_to(root / "dags")
    (root / "dags" / "gone").symlink_to(root / "nothing")
    (root / "dags" / "deep" / "a.py").chmod(0o700)

    files = {"/request": b"{}", "/run": b"#!/bin/sh"}
    with pack([root / "dags", root / "missing"], files) as out, tarfile.open(fileobj=out) as tar:
        assert list_names(tar, root / "dags") == {".airflowignore", "deep/a.py", "shared/common.py", "/request", "/run"}
        modes = {Path(member.name).name: member.mode for member in tar}
        assert (modes["deep"], modes["a.py"], modes[".airflowignore"]) == (0o777, 0o766, 0o666)
        assert (modes["request"], modes["run"]) == (0o644, 0o755)
        assert {(member.uid, member.gid) for member in tar} == {(0, 0)}


def test_the_files_of_a_run_come_back_into_its_home(tmp_path: Path) -> None:
    home = tmp_path / "run-1"
    write(tmp_path, "project/settings.py")
    (home / "config").mkdir(parents=True)
    (home / "config" / "settings.py").symlink_to(tmp_path / "project" / "settings.py")
    (home / "capped-waits.jsonl").write_text("")
    sent = io.BytesIO()
    with tarfile.open(fileobj=sent, mode="w") as tar:
        for name in (
            *("run-1/capped-waits.jsonl", "run-1/logs/a.log", "run-1/tmp/large", "run-1/config/settings.py"),
            *("run-1/../outside", "run-1//absolute"),
        ):
            info = tarfile.TarInfo(name)
            info.size = 3
            tar.addfile(info, io.BytesIO(b"new"))
    sent.seek(0)

    unpack(sent, home)

    assert (home / "capped-waits.jsonl").read_text() == (home / "logs" / "a.log").read_text() == "new"
    assert (tmp_path / "project" / "settings.py").read_text() == "project/settings.py"
    assert not (tmp_path / "outside").exists()
    assert not (home / "tmp").exists()
