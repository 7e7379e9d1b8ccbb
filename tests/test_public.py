"""The package's public names, and that this project's scenarios import no other names."""

from __future__ import annotations

import ast
import subprocess
import sys
from pathlib import Path

import pytest

import harness

FILE_FORMATS = {"harness.aws_mock.artefact", "harness.aws_mock.recordio"}
"""Modules for the file formats of SageMaker's algorithms, documented in the reference."""


@pytest.mark.parametrize("name", harness.__all__)
def test_every_public_name_exists(name: str) -> None:
    assert getattr(harness, name).__module__.startswith(("harness.", "requests."))


def test_a_name_that_is_not_there() -> None:
    with pytest.raises(AttributeError, match=r"^module 'harness' has no attribute 'Word'$"):
        _ = harness.Word
    assert set(harness._MODULE_OF) == set(harness.__all__)


def test_scenarios_import_only_public_names(pytestconfig: pytest.Config) -> None:
    root = pytestconfig.rootpath
    files = [root / "conftest.py", *sorted((root / "scenarios").rglob("*.py"))]
    imports = [(file.name, module, name) for file in files for module, name in _imported(file)]
    assert ("conftest.py", "harness", "World") in imports
    public = {("harness", name) for name in harness.__all__}
    assert [one for one in imports if one[1:] not in public and one[1] not in FILE_FORMATS] == []


def test_importing_the_package_loads_no_clients(pytestconfig: pytest.Config) -> None:
    loaded = "import harness, sys; print(*(set(sys.modules) & {'docker', 'minio', 'psycopg', 'requests', 'rich'}))"
    done = subprocess.run(
        [sys.executable, "-c", loaded], cwd=pytestconfig.rootpath, capture_output=True, text=True, check=True
    )
    assert done.stdout == "\n"


def _imported(file: Path) -> list[tuple[str, str]]:
    """Return modules and names that the file imports from the harness."""
    found = []
    for node in ast.walk(ast.parse(file.read_text())):
        if isinstance(node, ast.ImportFrom) and (node.module or "").split(".")[0] == "harness":
            found += [(str(node.module), alias.name) for alias in node.names]
        elif isinstance(node, ast.Import):
            found += [(alias.name, "") for alias in node.names if alias.name.split(".")[0] == "harness"]
    return found
