from __future__ import annotations

import sys
from pathlib import Path

import pytest

from tests.tools.place import Place

# Reports the version in FAKE_VERSION; else it is the Python that runs the tests, but for venv and pip, which it notes.
PYTHON = """\
case "$*" in
*version_info*) [ -z "$FAKE_VERSION" ] || { echo "$FAKE_VERSION"; exit 0; } ;;
"-c import ensurepip"*) exit "${FAKE_ENSUREPIP:-0}" ;;
"-m venv --clear "*) rm -rf "$4"; mkdir -p "$4/bin"; cp "$0" "$4/bin/python"; echo venv >>"$HOME/calls"; exit 0 ;;
"-m pip "*) echo "pip ${*: -1}" >>"$HOME/calls"; [ -z "$FAKE_PIP" ] || { echo "$FAKE_PIP"; exit 1; }; exit 0 ;;
esac
"""


@pytest.fixture
def project(place: Place) -> Place:
    place.take("Makefile", "tools/venv", "pyproject.toml")
    lock = place.folder / "requirements" / "airflow-3.3.txt"
    lock.parent.mkdir()
    lock.write_text("first==1\n")
    return place


def python(place: Place, name: str) -> Path:
    file = place.script(name, f'{PYTHON}exec {sys.executable} "$@"')
    file.write_text(file.read_text().replace(f"#!{place.bin}/sh", f"#!{place.bin}/bash"))
    return file


def calls(place: Place) -> list[str]:
    file = place.folder / "calls"
    return file.read_text().splitlines() if file.exists() else []


@pytest.mark.parametrize("version", ["3.10.13", "3.13.0", "2.7.18", "3.110.1"])
def test_another_python_is_refused_in_one_line(project: Place, version: str) -> None:
    named = python(project, "some-python")
    done = project.run("make", "lint", f"PYTHON={named}", FAKE_VERSION=version)
    assert done.returncode == 2
    assert done.stdout == ""
    assert done.stderr.count("\n") == 1
    assert "Python 3.11 or 3.12 is needed" in done.stderr
    assert f"{named} is Python {version}" in done.stderr
    assert calls(project) == []


def test_a_named_python_is_refused_although_an_environment_is_there(project: Place) -> None:
    python(project, "python3")
    assert project.run("make", "venv").returncode == 0
    named = project.script("old", "echo 3.9.18")
    assert "is Python 3.9.18" in project.run("make", "venv", PYTHON=str(named)).stderr


def test_no_python_at_all(project: Place) -> None:
    assert "found: none" in project.run("make", "venv").stderr


def test_a_python_that_does_not_run_is_named(project: Place) -> None:
    assert "found: nowhere, which does not run" in project.run("make", "venv", "PYTHON=nowhere").stderr


def test_a_shim_that_refuses_to_run_is_passed_over(project: Place) -> None:
    project.script("python3.12", "echo 'pyenv: python3.12: command not found' >&2; exit 127")
    python(project, "python3.11")
    done = project.run("make", "venv")
    assert done.returncode == 0, done.stderr
    assert calls(project)[0] == "venv"


def test_a_python_without_venv_is_refused_with_the_package_that_has_it(project: Place) -> None:
    python(project, "python3")
    done = project.run("make", "venv", FAKE_ENSUREPIP="1")
    assert done.returncode == 2
    assert "python3-venv" in done.stderr


def test_it_is_made_once_and_again_when_the_lock_changes(project: Place) -> None:
    python(project, "python3")
    made = ["venv", "pip requirements/airflow-3.3.txt", "pip ."]
    done = project.run("make", "venv")
    assert done.returncode == 0, done.stderr
    assert calls(project) == made

    again = project.run("make", "venv")
    assert (again.stdout, calls(project)) == ("", made)

    (project.folder / "requirements/airflow-3.3.txt").write_text("first==2\n")
    assert project.run("make", "venv").returncode == 0
    assert calls(project) == made * 2


def test_the_project_is_installed_again_when_its_metadata_changes(project: Place) -> None:
    python(project, "python3")
    project.run("make", "venv")
    before = calls(project)
    (project.folder / "pyproject.toml").write_text("[project]\n")
    project.run("make", "venv")
    assert calls(project) == [*before, "pip ."]


def test_a_failed_install_shows_what_pip_said_and_is_tried_again(project: Place) -> None:
    python(project, "python3")
    done = project.run("make", "venv", FAKE_PIP="ERROR: THESE PACKAGES DO NOT MATCH THE HASHES")
    assert done.returncode == 2
    assert "DO NOT MATCH THE HASHES" in done.stderr
    assert project.run("make", "venv").returncode == 0
    assert calls(project).count("venv") == 2
