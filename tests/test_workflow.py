"""The workflow for users: one text in `harness init` and docs/ci.md, and the same steps in the composite action.

The commands of all workflows exist.
"""

from __future__ import annotations

import json
import os
import re
import shlex
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import yaml
from packaging.requirements import Requirement

from harness.airflow.making.targets import parse_target
from harness.cli import _parser
from harness.compare.compare import compare_sides, find_unstable
from harness.compare.markdown import format_markdown
from harness.compare.unstable import write_unstable
from tests.compare.builders import evidence, run, scenario, side
from tests.tools.test_upgrade_combinations import copy_of_the_pins
from tools.upgrade_combinations import newest

ROOT = Path(__file__).parents[1]
WORKFLOW = ROOT / "harness/cli/starter/workflow.yml"
ACTION = ROOT / ".github/actions/scenarios/action.yml"
UPGRADES = [ROOT / ".github/workflows" / name for name in ("upgrade.yml", "upgrade-check.yml")]
IN_BASH = {
    '"${targets[@]}"': "--to airflow==latest --from requirements.txt",
    "$SCENARIOS": "scenarios -k empty",
    "$SHARD": "1/2",
}
"""What the shell puts into a command."""


def test_the_documentation_shows_the_workflow_that_init_writes() -> None:
    assert f"```yaml\n{WORKFLOW.read_text()}```\n" in (ROOT / "docs/ci.md").read_text()


def test_the_action_has_the_steps_of_the_workflow() -> None:
    checkout, *steps = yaml.safe_load(WORKFLOW.read_text())["jobs"]["scenarios"]["steps"]
    assert checkout["uses"].startswith("actions/checkout@")
    action = yaml.safe_load(ACTION.read_text())
    defaults = {name: declared["default"] for name, declared in action["inputs"].items()}
    assert [_as_in_the_workflow(step, defaults) for step in action["runs"]["steps"]] == steps


def _as_in_the_workflow(step: dict[str, Any], defaults: dict[str, str]) -> dict[str, Any]:
    """Return the action's step with the inputs' default values in place of the inputs."""
    filled = re.sub(r"\$\{\{ inputs\.([\w-]+) \}\}", lambda match: defaults[match[1]], json.dumps(step))
    step = json.loads(filled)
    step.pop("shell", None)
    env = step.pop("env", {})
    if requirements := env.pop("REQUIREMENTS", None):
        assert step["run"] == 'xargs pip install <<<"$REQUIREMENTS"'
        step["run"] = f"pip install {requirements}"
    if name := env.pop("NAME", None):
        step["run"] = step["run"].replace("$NAME", name)
    assert not env.pop("PYTEST_ADDOPTS", None), "no arguments by default"
    return {**step, "env": env} if env else step


def harness_commands(workflow: Path) -> Iterator[str]:
    for job in yaml.safe_load(workflow.read_text())["jobs"].values():
        for step in job.get("steps", ()):
            script = step.get("run", "").replace("\\\n", " ")
            yield from re.findall(r"^ *harness ([^|>]*)", script, re.MULTILINE)


@pytest.mark.parametrize("workflow", [*UPGRADES, WORKFLOW], ids=lambda file: file.name)
def test_the_commands_of_a_workflow_exist(workflow: Path) -> None:
    for command in harness_commands(workflow):
        for name, value in IN_BASH.items():
            command = command.replace(name, value)
        assert "$" not in command
        _parser(()).parse_args(shlex.split(command))  # exits for an unknown option


def test_the_workflows_run_and_compare_shards() -> None:
    names = [command.split()[0] for workflow in UPGRADES for command in harness_commands(workflow)]
    assert names == ["upgrade", "compare"]


def test_the_newest_releases_are_targets() -> None:
    for combination in newest():
        for text in combination["to"].split():
            parse_target(text)


def test_the_documentation_lists_the_inputs_of_the_reusable_workflow() -> None:
    inputs = yaml.safe_load(UPGRADES[1].read_text())[True]["workflow_call"]["inputs"]  # YAML reads `on` as true
    table = (ROOT / "docs/matrix.md").read_text().partition("| input |")[2]
    assert re.findall(r"^\| `([a-z-]+)` \|", table, re.MULTILINE) == list(inputs)


def test_the_reusable_workflow_installs_what_its_commands_need() -> None:
    """Shards need pytest-split, and the environments need uv, which the runner may lack."""
    inputs = yaml.safe_load(UPGRADES[1].read_text())[True]["workflow_call"]["inputs"]
    (package,) = (word for word in shlex.split(inputs["setup"]["default"]) if word.startswith("airflow-scenario-"))
    assert Requirement(package).extras == {"parallel", "upgrade"}
    assert "the extras `parallel` and `upgrade`" in (ROOT / "docs/matrix.md").read_text()


def run_step(workflow: Path, job: str, name: str, folder: Path, **variables: str) -> tuple[int, str]:
    """Run a step as GitHub does, and return its exit code and what it wrote to the step summary."""
    steps = yaml.safe_load(workflow.read_text())["jobs"][job]["steps"]
    (script,) = (step["run"] for step in steps if name in (step.get("name"), step.get("id")))
    (folder / "bin").mkdir()
    (folder / "bin" / "harness").write_text(f'#!/bin/sh\nexec {sys.executable} -m harness "$@"\n')
    (folder / "bin" / "harness").chmod(0o755)
    files = {name: str(folder / name.lower()) for name in ("GITHUB_STEP_SUMMARY", "GITHUB_OUTPUT")}
    path = os.pathsep.join((str(folder / "bin"), str(Path(sys.executable).parent), os.environ["PATH"]))
    env = {**os.environ, "PYTHONPATH": str(ROOT), "PATH": path, **files, **variables}
    done = subprocess.run(["bash", "-eo", "pipefail", "-c", script], cwd=folder, env=env, check=False)
    summary = Path(files["GITHUB_STEP_SUMMARY"])
    return done.returncode, summary.read_text() if summary.exists() else ""


def test_shards_are_compared_with_the_unstable_fields_that_they_kept(tmp_path: Path) -> None:
    for number in (1, 2):
        name = f"test_it.py::test_{number}"
        first, second = (scenario(run(xcoms={"load": {"return_value": n}}), name=name) for n in (1, 2))
        shard = tmp_path / "shards" / f"upgrade-shard-{number}" / "evidence"
        evidence(shard / "a", first, shard=(number, 2))
        evidence(shard / "b", second, shard=(number, 2))
        write_unstable(shard / "a", find_unstable(side(first), side(second)))

    assert run_step(UPGRADES[1], "compare", "Compare", tmp_path) == (0, "")
    names = {"comparison.json", "comparison.md", "index.html", "junit.xml"}
    assert {file.name for file in (tmp_path / "report").iterdir()} == names
    assert "2 unstable" in (tmp_path / "report" / "comparison.md").read_text()


def test_a_pull_request_that_changes_no_checked_pin_says_so(tmp_path: Path) -> None:
    for folder in (tmp_path, tmp_path / ".harness" / "baseline"):
        copy_of_the_pins(folder)
    code, summary = run_step(UPGRADES[0], "combinations", "list", tmp_path, GITHUB_EVENT_NAME="pull_request")
    assert code == 0
    assert (tmp_path / "github_output").read_text() == "list=[]\n"
    assert summary.startswith("No upgrade check: ")


def test_the_last_job_shows_all_combinations(tmp_path: Path) -> None:
    one = side(scenario(run()))
    report = tmp_path / "reports" / "minio-report"
    report.mkdir(parents=True)
    (report / "comparison.md").write_text(format_markdown(compare_sides(one, one)))
    listed = json.dumps([{"name": name, "from": "", "to": ""} for name in ("minio", "airflow")])
    code, summary = run_step(UPGRADES[0], "summary", "Write the step summary", tmp_path, LIST=listed)
    assert code == 0
    assert summary.splitlines()[2:] == [
        "| minio | **passed: 1 scenario compared, no difference** |",
        "| airflow | no comparison: see its jobs |",
    ]
