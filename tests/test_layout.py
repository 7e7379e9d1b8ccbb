"""The folders around the dags folder, as Airflow and Astro find them."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from harness.airflow.layout import Layout, choose_around, find_layout
from harness.airflow.runners.host_key import find_config_folder, host_key, select_startup
from harness.airflow.waits import shorten_waits
from harness.errors import SettingsError
from harness.record.rules import create_normaliser
from harness.settings import Settings
from tests.warm.stub import HERE


def load(root: Path, table: str, *folders: str) -> Settings:
    for folder in folders:
        (root / folder).mkdir(parents=True, exist_ok=True)
    (root / "pyproject.toml").write_text(f"[tool.harness]\n{table}\n")
    return Settings.load(root.resolve(), (), {}, {})


def test_a_project_of_astro_has_its_root_on_the_python_path(tmp_path: Path) -> None:
    layout = find_layout(load(tmp_path, "", "dags", "include", "plugins"))
    assert layout == Layout((tmp_path.resolve(),), tmp_path.resolve() / "plugins")
    assert layout.variables == {
        "PYTHONPATH": str(tmp_path.resolve()),
        "AIRFLOW__CORE__PLUGINS_FOLDER": str(tmp_path.resolve() / "plugins"),
    }


def test_the_home_of_airflow_may_be_below_the_root(tmp_path: Path) -> None:
    home = tmp_path.resolve() / "airflow"
    layout = find_layout(load(tmp_path, 'dags_folder = "airflow/dags"', "airflow/dags", "airflow/config", "plugins"))
    assert layout == Layout((), None, home / "config")


def test_declared_folders_win(tmp_path: Path) -> None:
    table = 'pythonpath = ["lib"]\nplugins_folder = "own"'
    root = tmp_path.resolve()
    layout = find_layout(load(tmp_path, table, "dags", "lib", "own", "plugins", ".astro"))
    assert layout == Layout((root / "lib", root), root / "own")
    assert layout.variables["PYTHONPATH"] == f"{root / 'lib'}{os.pathsep}{root}"


def test_folders_outside_the_project_are_not_searched(tmp_path: Path) -> None:
    assert find_layout(load(tmp_path / "project", 'dags_folder = "../dags"', ".", "../plugins", "../dags")) == Layout()
    assert find_layout(load(tmp_path / "project", 'dags_folder = "."', "../include")) == Layout()


def test_what_stands_beside_edited_dags_is_found_outside_the_project_too(tmp_path: Path) -> None:
    """An upgrade check has edited DAGs in another checkout, or only in a folder."""
    settings = load(tmp_path / "project", "", "dags", "plugins", "../next/dags", "../next/include", "../next/config")
    project, edited = settings.root, tmp_path.resolve() / "next" / "dags"
    folders = {edited: Layout((edited.parent,), None, edited.parent / "config")}
    folders |= dict.fromkeys((project / "edited" / "dags", tmp_path.resolve() / "alone"), find_layout(settings))

    for folder, layout in folders.items():
        side = {"dags_folder": folder, "around": choose_around(folder, settings)}
        assert find_layout(settings.model_copy(update=side)) == layout

    assert choose_around(project / "dags", settings) is None, "the project's own"
    show = create_normaliser(settings.model_copy(update={"dags_folder": edited, "around": edited.parent}), str)
    assert show(f"{edited}/a.py {edited.parent}/include/b.py {project}/c") == "DAGS/a.py PROJECT/include/b.py PROJECT/c"


@pytest.mark.parametrize(
    ("table", "message"),
    [('pythonpath = ["none"]', "^pythonpath '/.*/none'"), ('plugins_folder = "none"', "^plugins_folder '/.*/none'")],
)
def test_a_missing_folder_is_refused_in_one_line(tmp_path: Path, table: str, message: str) -> None:
    with pytest.raises(SettingsError, match=f"{message} does not exist: correct it in pyproject"):
        find_layout(load(tmp_path, table, "dags"))


def test_the_key_of_a_host_has_what_airflow_reads_at_its_start(tmp_path: Path) -> None:
    """A new `airflow_local_settings.py` needs a new host; plugins are read by each run."""
    home, config, plugins, lib = (tmp_path / name for name in ("home", "config", "plugins", "lib"))
    for folder in (home, config, plugins, lib):
        folder.mkdir()
    env = {"AIRFLOW_HOME": str(home), "AIRFLOW__CORE__PLUGINS_FOLDER": str(plugins)}
    keys = [host_key(HERE, env)]
    (plugins / "macros.py").touch()
    assert host_key(HERE, env) == keys[-1]
    assert "AIRFLOW__CORE__PLUGINS_FOLDER" not in select_startup(env)
    Layout(config=config).link_config(home)
    assert find_config_folder(env) == str(config)
    keys.append(host_key(HERE, env))
    env["PYTHONPATH"] = str(lib)
    keys.append(host_key(HERE, env))
    for folder in (config, plugins, lib):
        (folder / "airflow_local_settings.py").touch()
        keys.append(host_key(HERE, env))
    env["AIRFLOW__CORE__PARALLELISM"] = "3"
    keys.append(host_key(HERE, env))
    assert len(set(keys)) == len(keys) == 7
    assert select_startup(env)["AIRFLOW__CORE__PLUGINS_FOLDER"] == str(plugins)


def test_the_policy_of_short_waits_leaves_the_config_folder_of_the_project_alone(tmp_path: Path) -> None:
    config = tmp_path / "config"
    config.mkdir()
    (config / "airflow_local_settings.py").write_text("own = 1")
    for name in ("one", "two"):
        home = tmp_path / name
        home.mkdir()
        Layout(config=config).link_config(home)
        shorten_waits(home)
        assert (home / "config" / "airflow_local_settings.py").read_text() == "own = 1"
        assert find_config_folder({"AIRFLOW_HOME": str(home)}) == str(config)
    assert [path.name for path in config.iterdir()] == ["airflow_local_settings.py"]
