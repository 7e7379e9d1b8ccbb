"""Airflow environments describe themselves by their interpreter; invalid interpreters are refused in one line."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

from harness.airflow import environments
from harness.airflow.environments import AirflowEnvironment, describe, find_environment
from harness.errors import SettingsError
from harness.settings import Settings


@pytest.fixture(scope="module")
def bare_python(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The interpreter of an empty virtual environment."""
    folder = tmp_path_factory.mktemp("bare") / "environment"
    subprocess.run([sys.executable, "-m", "venv", "--without-pip", folder], check=True)
    return folder / "bin" / "python"


def install(python: Path, name: str, version: str) -> None:
    (site,) = (folder for folder in describe.__wrapped__(python).folders if folder.endswith("site-packages"))
    (Path(site) / f"{name}-{version}.dist-info").mkdir()


def test_an_environment_lists_its_packages(bare_python: Path) -> None:
    install(bare_python, "Some.Package_name", "1.2")
    environment = describe.__wrapped__(bare_python)

    assert environment.packages == {"some-package-name": "1.2"}
    assert environment.python == bare_python
    assert environment.python_version == ".".join(map(str, sys.version_info[:3]))
    assert environment.python_minor == f"{sys.version_info.major}.{sys.version_info.minor}"


def test_an_interpreter_without_airflow_is_refused(bare_python: Path) -> None:
    with pytest.raises(SettingsError, match=r"^airflow_python '.*/bin/python' has no Airflow: set airflow_python in"):
        find_environment(bare_python)


def test_the_interpreter_of_pytest_is_the_default(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(environments, "find_spec", lambda name: None)
    with pytest.raises(SettingsError, match="which runs pytest, has no Airflow: set airflow_python in"):
        find_environment(None)


@pytest.mark.parametrize(
    ("text", "why"), [("#!/bin/sh\necho sorry >&2; exit 3\n", "sorry"), ("#!/bin/sh\necho hello\n", "Expecting value")]
)
def test_a_file_that_is_no_interpreter_is_refused(tmp_path: Path, text: str, why: str) -> None:
    program = tmp_path / "python"
    program.write_text(text)
    program.chmod(0o755)
    with pytest.raises(SettingsError, match=rf"^airflow_python '.*/python' does not run \({why}"):
        find_environment(program)


def test_a_missing_interpreter_is_refused(tmp_path: Path) -> None:
    with pytest.raises(SettingsError, match=r"does not run \(No such file or directory\): set airflow_python"):
        find_environment(tmp_path / "nothing")


def test_a_relative_interpreter_is_below_the_root_and_stays_a_link(tmp_path: Path) -> None:
    (tmp_path / "bin").mkdir()
    (tmp_path / "bin" / "python").symlink_to(sys.executable)
    settings = Settings.load(tmp_path, (), {"airflow_python": "bin/python"}, {})
    assert settings.airflow_python == tmp_path / "bin" / "python"


WITH_FOLDER = """
import os, sys
print(sys.argv[1:], __name__, sys.path[0] == os.getcwd(), sys.path[-1])
"""


@pytest.mark.parametrize("version", ["2.11.2", "3.0.6", "3.3.2"])
def test_the_dags_folder_is_at_the_end_of_the_python_path(tmp_path: Path, version: str) -> None:
    """`dags test` of Airflow 3.0 does not put the folder there, as other lines and 3.0's scheduler do."""
    (tmp_path / "airflow").mkdir()
    (tmp_path / "airflow" / "__main__.py").write_text(WITH_FOLDER)
    airflow = AirflowEnvironment(Path(sys.executable), "3.12.1", "", {"apache-airflow": version}, ())
    done = subprocess.run(
        airflow.dags_test(Path("/project/dags"), "shop", "2021-01-01"),
        cwd=tmp_path,
        capture_output=True,
        text=True,
        check=True,
    )
    expected = "['dags', 'test', 'shop', '2021-01-01'] __main__ True"
    assert done.stdout.startswith(expected), done.stderr
    assert done.stdout.endswith("/project/dags\n") == (version == "3.0.6")


@pytest.mark.parametrize(
    ("version", "line", "major"), [("3.3.2", "3.3", 3), ("2.11.2", "2.11", 2), ("3.4.0rc1", "3.4", 3)]
)
def test_the_line_is_the_minor_version(version: str, line: str, major: int) -> None:
    packages = {"apache-airflow-core": version, "apache-airflow-providers-docker": "4.5", "requests": "2"}
    airflow = AirflowEnvironment(Path("python"), "3.12.1", "", packages, ())
    assert (airflow.airflow_version, airflow.line, airflow.major) == (version, line, major)
    assert airflow.airflow_packages == {key: packages[key] for key in packages if key != "requests"}
