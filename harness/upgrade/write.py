"""The files of an upgrade check's report."""

from __future__ import annotations

from pathlib import Path

from harness.compare.junit import format_junit
from harness.compare.markdown import format_markdown
from harness.compare.model import Comparison
from harness.compare.page import format_page
from harness.output import check_folder, output_errors, write

REPORT = "--report"
PAGE = "index.html"


def prepare_folder(folder: Path) -> None:
    """Create the folder of the report; git ignores a new one. Raises OutputError."""
    new = not folder.exists()
    check_folder(REPORT, folder)
    if new:
        with output_errors(REPORT, folder):
            (folder / ".gitignore").write_text("*\n")


def write_report(comparison: Comparison, folder: Path) -> None:
    """Write the comparison in all forms. Raises OutputError."""
    with output_errors(REPORT, folder):
        write(folder / "comparison.json", comparison.model_dump_json(indent=1) + "\n")
        write(folder / PAGE, format_page(comparison))
        write(folder / "comparison.md", format_markdown(comparison))
        write(folder / "junit.xml", format_junit(comparison))
