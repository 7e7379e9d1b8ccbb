"""A project whose scenarios need neither services nor Airflow."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

SCENARIOS = """
import pytest

@pytest.fixture
def world(request):
    return request.config

def test_it(world):
    {body}

def test_that_is_no_scenario():
    raise AssertionError("an upgrade check runs scenarios only")
"""


def write_scenario(project: Path, body: str) -> None:
    (project / "test_it.py").write_text(SCENARIOS.format(body=body))


@pytest.fixture
def project(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, pytestconfig: pytest.Config) -> Path:
    for name in list(os.environ):
        if name.startswith(("PYTEST_", "HARNESS_")):
            monkeypatch.delenv(name)
    monkeypatch.setenv("PYTHONPATH", str(pytestconfig.rootpath))
    (tmp_path / "pyproject.toml").write_text("[tool.harness]\nstack = 'embedded'\n")
    (tmp_path / "conftest.py").write_text('pytest_plugins = ["harness.plugin"]\n')
    write_scenario(tmp_path, "pass")
    return tmp_path
