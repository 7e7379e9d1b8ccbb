"""The files of an upgrade check's report."""

from __future__ import annotations

from pathlib import Path

from harness.compare.junit import format_junit
from harness.compare.markdown import format_markdown
from harness.compare.model import Comparison
from harness.output import check_folder, output_errors, write

REPORT = "--report"


def prepare_folder(folder: Path) -> Path:
    """Create the report's folder, which git ignores, and return the folder of the evidence. Raises OutputError."""
    check_folder(REPORT, folder)
    return folder / "evidence"


def write_report(comparison: Comparison, folder: Path) -> None:
    """Write the comparison in all forms. Raises OutputError."""
    with output_errors(REPORT, folder):
        write(folder / "comparison.json", comparison.model_dump_json(indent=1))
        write(folder / "comparison.md", format_markdown(comparison))
        write(folder / "junit.xml", format_junit(comparison))
