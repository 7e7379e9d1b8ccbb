"""The workflow for users: one text in `harness init` and docs/ci.md, and the same steps in the composite action."""

from __future__ import annotations

import json
import re
from pathlib import Path
from typing import Any

import yaml

ROOT = Path(__file__).parents[1]
WORKFLOW = ROOT / "harness/cli/starter/workflow.yml"
ACTION = ROOT / ".github/actions/scenarios/action.yml"


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
