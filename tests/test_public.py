"""The public names of the package; this project's scenarios use no others."""

from __future__ import annotations

import ast
import subprocess
import sys
from pathlib import Path

import pytest

import harness

FILE_FORMATS = {"harness.aws_mock.artefact", "harness.aws_mock.recordio"}
"""Modules with readers for the file formats of SageMaker's algorithms, which the reference describes."""


@pytest.mark.parametrize("name", harness.__all__)
def test_every_public_name_can_be_imported(name: str) -> None:
    assert getattr(harness, name).__module__.startswith(("harness.", "requests."))


def test_an_unknown_name_is_an_attribute_error() -> None:
    with pytest.raises(AttributeError, match=r"^module 'harness' has no attribute 'Word'$"):
        _ = harness.Word
    assert set(harness._MODULE_OF) == set(harness.__all__)


def test_scenarios_use_only_public_names(pytestconfig: pytest.Config) -> None:
    root = pytestconfig.rootpath
    files = [root / "conftest.py", *sorted((root / "scenarios").rglob("*.py"))]
    imports = [(file.name, module, name) for file in files for module, name in _list_imports(file)]
    assert ("conftest.py", "harness", "World") in imports
    public = {("harness", name) for name in harness.__all__}
    assert [each for each in imports if each[1:] not in public and each[1] not in FILE_FORMATS] == []


def test_importing_the_package_loads_no_client_library(pytestconfig: pytest.Config) -> None:
    loaded = "import harness, sys; print(*(set(sys.modules) & {'docker', 'minio', 'psycopg', 'requests', 'rich'}))"
    done = subprocess.run(
        [sys.executable, "-c", loaded], cwd=pytestconfig.rootpath, capture_output=True, text=True, check=True
    )
    assert done.stdout == "\n"


def _list_imports(file: Path) -> list[tuple[str, str]]:
    """Return module and name of each import from the harness in the file."""
    imports = []
    for node in ast.walk(ast.parse(file.read_text())):
        if isinstance(node, ast.ImportFrom) and (node.module or "").split(".")[0] == "harness":
            imports += [(str(node.module), alias.name) for alias in node.names]
        elif isinstance(node, ast.Import):
            imports += [(alias.name, "") for alias in node.names if alias.name.split(".")[0] == "harness"]
    return imports
