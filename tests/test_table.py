"""The table of scenarios has one row for each scenario, with any outcome."""

from __future__ import annotations

from pathlib import Path

import pytest

from harness.settings import Settings
from tests.outer import project, run_pytest

SCENARIOS = """
import pytest

@pytest.fixture
def broken():
    raise RuntimeError("set-up")

@pytest.fixture
def elsewhere():
    pytest.skip("not run: needs something")

class FakeStack:
    passed_secrets: list[str] = []
    stack_id, seconds, images, services, remarks = "0", {}, {}, (), ()

    def mask(self, text):
        return text

@pytest.fixture
def harness_stack():
    return FakeStack()

@pytest.fixture
def world(request, harness_stack):
    from harness.world_factory import register_world
    from harness.run import Run
    from harness.world import World
    made = World(None, harness_stack, None, None, {}, {}, None)
    made.runs += [Run("a_dag", date, refused="for a test") for date in ("2021-01-01", "2021-02-01")]
    register_world(request, made)
    return made

@pytest.mark.parametrize("kind", ["made-up", "real"])
def test_passes(world, kind):
    pass

def test_breaks_before_it_starts(broken, world):
    pass

def test_is_not_run(elsewhere, world):
    pass
"""


@pytest.mark.parametrize("workers", ["0", "2"])
def test_every_scenario_has_a_row(tmp_path: Path, harness_settings: Settings, workers: str) -> None:
    done = run_pytest(project(tmp_path, SCENARIOS), harness_settings.root, "-n", workers)
    table = done.stdout.split("= scenarios =")[1]
    rows = [line.split() for line in table.splitlines() if line.endswith(tuple("0123456789 "))]
    shown = [" ".join(row[:-1]) for row in rows if row]
    assert "passes [made-up] a_dag 2021-01-01 .. 2021-02-01 passed" in shown
    assert "passes [real] a_dag 2021-01-01 .. 2021-02-01 passed" in shown
    assert "breaks before it starts - - FAILED" in shown
    assert "is not run - - not run" in shown
