"""tools/environments imports some of these modules on Python 3.9, before anything is installed."""

from __future__ import annotations

import ast
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
MODULES = ("__init__", "commands", "pip_settings", "pythons", "uv")
FILES = [
    *(ROOT / "harness" / "airflow" / "making" / f"{name}.py" for name in MODULES),
    *(ROOT / "harness" / name for name in ("__init__.py", "airflow/__init__.py", "errors.py")),
    *(ROOT / "tools" / "environments").glob("*.py"),
]


@pytest.mark.parametrize("file", FILES, ids=lambda file: str(file.relative_to(ROOT)))
def test_the_syntax_is_that_of_python_3_9(file: Path) -> None:
    ast.parse(file.read_text(), feature_version=(3, 9))


def test_the_tools_need_no_package() -> None:
    program = f"import sys; sys.path.insert(0, {str(ROOT)!r}); import tools.environments.__main__"
    subprocess.run([sys.executable, "-I", "-S", "-c", program], check=True)
