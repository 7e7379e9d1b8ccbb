from __future__ import annotations

import pytest

from tests.tools.place import Place

# ` on 2.11` if the Makefile selects an Airflow environment.
ON_LINE = "on=${HARNESS_AIRFLOW_PYTHON%/bin/python}; on=${on:+ on ${on##*/airflow/}}"


@pytest.fixture
def project(place: Place) -> Place:
    """A checkout with fake tools that record their calls."""
    place.take("Makefile")
    tools = place.folder / "tools"
    tools.mkdir()
    for name in ("environment", "engine", "chromium"):
        asked = '[ "$1" != make ] || echo "environment $2" >>"$HOME/calls"' if name == "environment" else ""
        (tools / name).write_text(f"#!{place.bin}/sh\n{asked}\n")
        (tools / name).chmod(0o755)
    commands = place.folder / ".venv" / "bin"
    commands.mkdir(parents=True)
    for name in ("python", "ruff", "mypy", "lint-imports"):
        file = commands / name
        file.write_text(
            f"#!{place.bin}/sh\n{ON_LINE}\n"
            f'echo "{name}$on $*" >>"$HOME/calls"\ncase "${{BREAK:-nothing}}" in "$1$2" | "$1$2$3") exit 5 ;; esac\n'
        )
        file.chmod(0o755)
    place.script("go", "exit 0")
    (commands / "zizmor").write_text(f"#!{place.bin}/sh\n")
    (commands / "zizmor").chmod(0o755)
    (commands / "actionlint").write_text(f"#!{place.bin}/sh\n[ $1 != -version ] || echo v1.7.12\n")
    (commands / "actionlint").chmod(0o755)
    return place


def calls(place: Place) -> list[str]:
    return [call.split(" --junitxml")[0] for call in (place.folder / "calls").read_text().splitlines()]


def test_the_suite_runs_in_order(project: Place) -> None:
    done = project.run("make", "test")
    assert done.returncode == 0, done.stderr
    assert [call for call in calls(project) if not call.startswith("environment ")] == [
        "ruff check .",
        "ruff format --check .",
        "lint-imports ",
        "mypy ",
        "python -m harness images --get",
        "python -m pytest tests -n 2 --timeout 1200",
        "python on 3.3 -m pytest scenarios -n 2 --timeout 1200",
        "python on 3.3 -m pytest scenarios -n 2 --timeout 1200",
        "python -m harness compare --strict --of-first .harness/evidence/3.3-process .harness/evidence/3.3",
        "python on 2.11 -m pytest scenarios -n 2 --timeout 1200",
        "python on 2.11 -m pytest scenarios -n 2 --timeout 1200",
        "python -m harness compare --strict --of-first .harness/evidence/2.11-process .harness/evidence/2.11",
        "python on 2.11 -m pytest -q tests/legacy tests/both_lines --timeout 1200 --harness-stack embedded",
        "python -m benchmarks.soak --workers 4 --times 2",
        "python -m benchmarks --quick --json .harness/bench/quick.json",
        "python -m benchmarks gate .harness/bench/quick.json",
    ]


@pytest.mark.parametrize(
    ("target", "before", "environments"),
    [
        ("lint", "ruff check .", ["harness"]),
        ("scenarios", "python on 3.3 -m pytest scenarios -n 2 --timeout 1200", ["harness", "airflow-3.3"]),
        ("equal-2.11", "python on 2.11 -m pytest scenarios -n 2 --timeout 1200", ["harness", "airflow-2.11"]),
        (
            "folders",
            "python on 2.11 -m pytest -q tests/legacy tests/both_lines --timeout 1200 --harness-stack embedded",
            ["harness", "airflow-2.11"],
        ),
        ("unit", "python -m pytest tests -n 2 --timeout 1200", ["harness", "airflow-3.3", "airflow-2.11"]),
    ],
)
def test_a_step_creates_its_environments_first(
    project: Place, target: str, before: str, environments: list[str]
) -> None:
    assert project.run("make", target).returncode == 0
    made = calls(project)[: calls(project).index(before)]
    assert [call for call in made if call.startswith("environment ")] == [
        f"environment {name}" for name in environments
    ]


@pytest.mark.parametrize(
    ("broken", "last"),
    [
        ("check.", "ruff check ."),
        ("format--check", "ruff format --check ."),
        ("-mpytest", "python -m pytest tests -n 2 --timeout 1200"),
        (
            "-mharnesscompare",
            "python -m harness compare --strict --of-first .harness/evidence/3.3-process .harness/evidence/3.3",
        ),
    ],
)
def test_a_step_that_fails_stops_the_suite(project: Place, broken: str, last: str) -> None:
    assert project.run("make", "test", BREAK=broken).returncode == 2
    assert calls(project)[-1] == last


def test_a_failing_pytest_fails_make(project: Place) -> None:
    assert project.run("make", "scenarios", BREAK="-mpytest").returncode == 2
    assert project.run("make", "folders", BREAK="-mpytest").returncode == 2


def test_without_go_on_the_path_the_wheels_go_is_used(project: Place) -> None:
    (project.bin / "go").unlink()
    assert project.run("make", "actionlint").returncode == 0, "actionlint is there already"
    (project.folder / ".venv/bin/actionlint").unlink()
    assert project.run("make", "actionlint").returncode == 2, "this project's python is a fake and names no go"
    assert "python -m harness.images.go" in calls(project)


def test_without_an_engine_no_step_runs(project: Place) -> None:
    (project.folder / "tools/engine").write_text(f"#!{project.bin}/sh\nexit 2\n")
    assert project.run("make", "test").returncode == 2
    assert not (project.folder / "calls").exists()


def test_help_comes_first_and_lists_the_two_commands(project: Place) -> None:
    listed = [line.split()[1] for line in project.run("make").stdout.splitlines()]
    assert listed[:3] == ["help", "scenarios", "test"]
