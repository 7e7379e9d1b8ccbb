"""tools/environment with fake interpreters that record their calls."""

from __future__ import annotations

import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

from tests.tools.place import ROOT, Place

# Calls that the fake does not handle go to the Python that runs the tests.
PYTHON = """\
for last in "$@"; do :; done
case "$*" in
*"ensurepip, venv"*) echo "${VERSION} ${FAKE_VENV:-yes}"; exit 0 ;;
"-m venv "*) mkdir -p "$last/bin"; cp "$0" "$last/bin/python"; touch "$last/pyvenv.cfg"; exit 0 ;;
*"config list"*) exit "${FAKE_CONFIG:-0}" ;;
"-m pip "*"--target"*)
    [ -z "$FAKE_GET" ] || { echo "$FAKE_GET"; exit 1; }
    mkdir -p "$HOME/.harness/uv.making/bin"; cp "$HOME/fake-uv" "$HOME/.harness/uv.making/bin/uv"
    echo "pip $last" >>"$HOME/calls"; exit 0 ;;
"-m pip "*) [ -z "$FAKE_PIP" ] || { echo "$FAKE_PIP"; exit 1; }; echo "pip $last" >>"$HOME/calls"; exit 0 ;;
esac
"""
# uv pip install --python ENVIRONMENT/bin/python ...: creates a script, as packages do.
UV = """\
for last in "$@"; do :; done
[ -z "$FAKE_UV" ] || { echo "$FAKE_UV"; exit 1; }
echo "uv ${last#"$HOME/"}" >>"$HOME/calls"
[ -e "${4%python}tool" ] || echo "#!$4" >"${4%python}tool"
[ -z "$FAKE_SLOW" ] || { touch "$HOME/installing"; sleep "$FAKE_SLOW"; }
"""
OWN = ".".join(map(str, sys.version_info[:3]))
GET_UV = "pip {}/requirements/uv.txt"


@pytest.fixture
def project(place: Place) -> Place:
    place.take("Makefile", "tools/environment", "pyproject.toml", "tools/__init__.py")
    place.take("harness/__init__.py", "harness/airflow/__init__.py")
    for folder in ("tools/environments", "harness/airflow/making"):
        place.take(*(str(file.relative_to(ROOT)) for file in (ROOT / folder).glob("*.py")))
    locks = place.folder / "requirements"
    locks.mkdir()
    for name in ("harness", "uv", "airflow-2.11", "airflow-3.2", "airflow-3.3"):
        (locks / f"{name}.txt").write_text("first==1\n")
    (place.folder / "fake-uv").write_text(f"#!{place.bin}/sh\n{UV}")
    (place.folder / "fake-uv").chmod(0o755)
    return place


def python(place: Place, name: str, version: str = OWN) -> Path:
    return place.script(name, f'VERSION="{version}"\n{PYTHON}exec {sys.executable} "$@"')


def calls(place: Place) -> list[str]:
    """Return the last argument of each installation, without that of uv."""
    file = place.folder / "calls"
    got = GET_UV.format(place.folder)
    return [line for line in (file.read_text().splitlines() if file.exists() else []) if line != got]


def of_project(place: Place) -> str:
    return f"uv {place.folder}"


def made_with(place: Place, environment: str) -> str:
    return (place.folder / environment / "made-from").read_text().split()[0]


@pytest.mark.parametrize("version", ["3.10.13", "3.15.0", "2.7.18", "3.110.1"])
def test_an_unsupported_python_is_refused_in_one_line(project: Place, version: str) -> None:
    named = python(project, "some-python", version)
    done = project.run("make", "lint", f"PYTHON={named}")
    assert done.returncode == 2
    assert done.stdout == ""
    assert done.stderr.count("\n") == 1
    assert "Python 3.11 to 3.14 is needed" in done.stderr
    assert f"{named} is Python {version}" in done.stderr
    assert calls(project) == []


def test_an_unsupported_named_python_is_refused_although_an_environment_exists(project: Place) -> None:
    python(project, "python3")
    assert project.run("make", "venv").returncode == 0
    named = project.script("old", "echo 3.9.18 yes")
    assert "is Python 3.9.18" in project.run("make", "venv", PYTHON=str(named)).stderr


def test_a_machine_without_python_is_refused(project: Place) -> None:
    done = project.run("make", "venv")
    assert done.returncode == 2
    assert "found: none" in done.stderr
    assert done.stderr.count("\n") == 1


def test_a_broken_python_is_named(project: Place) -> None:
    python(project, "python3")
    assert "found: nowhere, which does not run" in project.run("make", "venv", "PYTHON=nowhere").stderr


def test_a_shim_that_fails_is_skipped(project: Place) -> None:
    project.script("python3.12", "echo 'pyenv: python3.12: command not found' >&2; exit 127")
    python(project, "python3.11", "3.11.9")
    done = project.run("make", "venv")
    assert done.returncode == 0, done.stderr
    assert made_with(project, ".venv") == "3.11.9"


def test_pyenvs_newest_python_is_found(project: Place) -> None:
    python(project, "python3", "3.9.18")
    for version in ("3.12.1", "3.12.10"):
        commands = project.folder / ".pyenv" / "versions" / version / "bin"
        commands.mkdir(parents=True)
        python(project, "python3.x", version).rename(commands / "python3")
    assert project.run("make", "venv").returncode == 0
    assert made_with(project, ".venv") == "3.12.10"


def test_a_python_without_venv_is_refused_with_the_missing_package(project: Place) -> None:
    python(project, "python3")
    done = project.run("make", "venv", FAKE_VENV="no")
    assert done.returncode == 2
    assert "python3-venv" in done.stderr


def test_an_environment_is_created_once_and_again_after_a_change_of_the_lock(project: Place) -> None:
    python(project, "python3")
    done = project.run("make", "venv")
    assert done.returncode == 0, done.stderr
    made = ["uv requirements/harness.txt", of_project(project)]
    assert calls(project) == made

    again = project.run("make", "venv")
    assert (again.stdout, calls(project)) == ("", made)

    (project.folder / "requirements/harness.txt").write_text("first==2\n")
    assert project.run("make", "venv").returncode == 0
    assert calls(project) == made * 2


def test_uv_is_installed_once_and_again_after_a_change_of_its_lock(project: Place) -> None:
    python(project, "python3")
    got = GET_UV.format(project.folder)
    assert project.run("tools/environment", "make", "harness", "airflow-3.3").returncode == 0
    assert (project.folder / "calls").read_text().count(got) == 1
    (project.folder / "requirements/uv.txt").write_text("uv==2\n")
    (project.folder / "requirements/airflow-3.3.txt").write_text("first==2\n")
    assert project.run("tools/environment", "make", "harness", "airflow-3.3").returncode == 0
    assert (project.folder / "calls").read_text().count(got) == 2


def test_the_project_is_installed_again_after_a_change_of_its_metadata(project: Place) -> None:
    python(project, "python3")
    project.run("make", "venv")
    before = calls(project)
    (project.folder / "pyproject.toml").write_text("[project]\n")
    project.run("make", "venv")
    assert calls(project) == [*before, of_project(project)]


def test_a_copied_environment_is_created_again(project: Place) -> None:
    python(project, "python3")
    project.run("make", "venv")
    stamp = project.folder / ".venv" / "made-from"
    stamp.write_text(stamp.read_text().replace(str(project.folder), "/elsewhere"))
    project.run("make", "venv")
    assert calls(project).count("uv requirements/harness.txt") == 2


def test_scripts_name_the_interpreter_in_the_final_folder(project: Place) -> None:
    python(project, "python3")
    project.run("make", "venv")
    assert (project.folder / ".venv/bin/tool").read_text() == f"#!{project.folder}/.venv/bin/python\n"


@pytest.mark.parametrize("fault", ["FAKE_GET", "FAKE_UV"])
def test_pip_installs_if_uv_fails_and_the_reason_is_one_line(project: Place, fault: str) -> None:
    python(project, "python3")
    done = project.run("tools/environment", "make", "harness", **{fault: "Trying\nERROR: no such host\nGot nothing"})
    assert done.returncode == 0, done.stderr
    (message,) = [line for line in done.stdout.splitlines() if "uv can't be used" in line]
    assert "(ERROR: no such host)" in message
    assert calls(project) == [f"pip {project.folder}/requirements/harness.txt", f"pip {project.folder}"]


def test_a_python_without_pip_uses_a_virtual_environments_pip(project: Place) -> None:
    named = python(project, "python3")
    named.write_text(
        named.read_text().replace("FAKE_CONFIG:-0", 'FAKE_CONFIG:-$([ "$0" = "${0#*/pip/}" ]; echo $((1-$?)))')
    )
    done = project.run("make", "venv")
    assert done.returncode == 0, done.stderr
    assert "by uv" in done.stdout
    assert (project.folder / ".harness" / "pip" / "bin" / "python").exists()


def test_a_failed_installation_shows_pips_error_and_leaves_no_environment(project: Place) -> None:
    python(project, "python3")
    done = project.run("make", "venv", FAKE_UV="no", FAKE_PIP="ERROR: THESE PACKAGES DO NOT MATCH THE HASHES")
    assert done.returncode == 2
    assert "DO NOT MATCH THE HASHES" in done.stderr
    assert not (project.folder / ".venv").exists()
    assert project.run("make", "venv").returncode == 0
    assert (project.folder / ".venv" / "bin" / "python").exists()


def test_a_kill_leaves_no_partial_environment(project: Place) -> None:
    python(project, "python3")
    command = ["tools/environment", "make", "airflow-3.3"]
    process = subprocess.Popen(
        command, cwd=project.folder, env={**project.env, "FAKE_SLOW": "20"}, start_new_session=True
    )
    try:
        await_file(project.folder / "installing")
    finally:
        process.send_signal(signal.SIGKILL)
        process.wait()
    assert not (project.folder / ".harness/airflow/3.3").exists()
    done = project.run(*command)
    assert done.returncode == 0, done.stderr
    assert made_with(project, ".harness/airflow/3.3") == OWN
    assert sorted(path.name for path in (project.folder / ".harness/airflow").iterdir()) == ["3.3"]


def test_two_processes_create_an_environment_once(project: Place) -> None:
    python(project, "python3")
    command = ["tools/environment", "make", "airflow-3.3"]
    first = subprocess.Popen(command, cwd=project.folder, env={**project.env, "FAKE_SLOW": "1"})
    await_file(project.folder / "installing")
    second = project.run(*command)
    assert (first.wait(timeout=20), second.returncode, second.stdout) == (0, 0, "")
    assert calls(project) == ["uv requirements/airflow-3.3.txt"]


@pytest.mark.parametrize(
    ("harness", "line", "wanted"),
    [
        ("3.11.7", "airflow-3.3", "3.11.7"),
        ("3.13.0", "airflow-3.3", "3.13.0"),
        ("3.13.0", "airflow-2.11", "3.12.4"),
        ("3.11.7", "airflow-3.2", "3.13.9"),
    ],
)
def test_a_line_uses_its_preferred_python_or_the_harnesss_or_a_supported_one(
    project: Place, harness: str, line: str, wanted: str
) -> None:
    named = python(project, "named", harness)
    python(project, "python3.12", "3.12.4")
    python(project, "python3.13", "3.13.9")
    for _ in range(2):
        done = project.run("tools/environment", "make", "harness", line, PYTHON=str(named))
        assert done.returncode == 0, done.stderr
        assert made_with(project, f".harness/airflow/{line.partition('-')[2]}") == wanted
    assert calls(project).count(f"uv requirements/{line}.txt") == 1


def test_a_line_is_created_again_for_a_new_python_of_the_harness(project: Place) -> None:
    python(project, "python3.12", "3.12.4")
    named = python(project, "named", "3.11.7")
    for chosen, wanted in (("", "3.12.4"), (str(named), "3.11.7"), ("", "3.11.7")):
        assert project.run("make", "airflow-3.3", PYTHON=chosen).returncode == 0
        assert made_with(project, ".harness/airflow/3.3") == wanted


def test_a_line_without_a_supported_python_is_refused(project: Place) -> None:
    python(project, "python3", "3.13.0")
    done = project.run("make", "airflow-2.11")
    assert done.returncode == 2
    assert "Python 3.10 to 3.12 is needed; found: " in done.stderr


def test_an_unknown_environment_is_refused(project: Place) -> None:
    python(project, "python3")
    done = project.run("tools/environment", "make", "airflow-1.10")
    assert (done.returncode, done.stderr.count("\n")) == (2, 1)
    assert "airflow-1.10" in done.stderr


def await_file(file: Path) -> None:
    deadline = time.monotonic() + 20
    while not file.exists():
        assert time.monotonic() < deadline
        time.sleep(0.02)
