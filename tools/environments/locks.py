"""Write the locks: universal, with hashes, and without the address of an index."""

from __future__ import annotations

from pathlib import Path

from harness.airflow.making.uv import Uv
from tools.environments.lines import HARNESS, LINES

EXTRAS = ("aws-mock", "chapter", "compatibility", "dev", "docs", "embedded", "parallel", "parquet", "upgrade", "watch")
"""The extras of pyproject that .venv has: all except Airflow."""


def write_locks(root: Path, uv: Uv, *, upgrade: bool) -> None:
    """Write every lock; existing pins stay if inputs allow, unless `upgrade`. Raises FailedError."""
    # Packages in a local folder would add hashes to the lock that no index has.
    uv.env.pop("UV_FIND_LINKS", None)

    def compile_lock(lock: Path, *arguments: str) -> None:
        print(f"writing {lock}", flush=True)
        options = ["-q", "--universal", "--generate-hashes", "--no-emit-index-url"]
        options += ["--custom-compile-command", "make locks", *(["--upgrade"] if upgrade else [])]
        uv.run("pip", "compile", *options, *arguments, "-o", str(lock), cwd=root)

    folder = Path("requirements")
    extras = [option for extra in EXTRAS for option in ("--extra", extra)]
    inputs = ["pyproject.toml", str(folder / f"{HARNESS}.in")]
    compile_lock(folder / f"{HARNESS}.txt", *inputs, *extras, "--python-version", "3.11")
    compile_lock(folder / "uv.txt", str(folder / "uv.in"), "--python-version", "3.11")
    for name, line in LINES.items():
        # As of the release, because later packages may not work with it. The time avoids the local time zone.
        as_of = ["--exclude-newer", f"{line.released}T23:59:59Z", "--python-version", line.pythons[0]]
        compile_lock(folder / f"airflow-{name}.txt", str(folder / f"airflow-{name}.in"), *as_of)
    for top in ("benchmarks", "dags", "harness", "scenarios"):
        for file in sorted((root / top).rglob("requirements.in")):
            relative = file.relative_to(root)
            compile_lock(relative.with_suffix(".txt"), str(relative), "--python-version", "3.11")
