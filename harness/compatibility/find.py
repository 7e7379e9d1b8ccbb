"""Compatibility findings of a dags folder that Airflow has read."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path

from harness.compatibility.context_names import GONE, find_missing_names
from harness.compatibility.finding import CompatibilityFinding, Installed, merge_findings
from harness.compatibility.imports import FORMS, GUIDE, Import, explain_import, list_imports, parse_file
from harness.compatibility.operator_values import find_refused_values
from harness.compatibility.packages import advise_python, explain_error
from harness.compatibility.ruff_rules import RuffEntry, check_files

MISSED = re.compile(
    r"(?:KeyError: '|missing \d+ required positional arguments?: '|has no attribute '|^[\w.]*UndefinedError: ')(\w+)'",
    re.M,
)
IMPORT_FAILED = re.compile(r"(?:ModuleNotFoundError|ImportError): (.*)")

Found = tuple[str, str, int]
"""Reason, advice and line."""


def find_in_broken_files(
    errors: Mapping[str, str],
    missing_imports: Mapping[str, Sequence[Import]],
    dags_folder: Path,
    installed: Installed,
) -> tuple[CompatibilityFinding, ...]:
    """Return why Airflow can't load the broken files, and what fails in their tasks.

    `errors` are the tracebacks by file, `missing_imports` the imports from Airflow that fail. Raises RunError if ruff
    can't be run.
    """
    files = _list_files(errors, dags_folder)
    entries = check_files(files, installed.python_minor)
    return merge_findings(
        [
            *_explain_errors(errors, dags_folder),
            *(
                CompatibilityFinding(what, modern, (f"{file.relative_to(dags_folder)}:{line}",))
                for file in files
                for what, modern, line in _find_in_broken_file(
                    file, [entry for entry in entries if entry.file == file], missing_imports.get(str(file)), installed
                )
            ),
        ]
    )


def find_in_running_files(
    files: Sequence[Path], missing_imports: Mapping[str, Sequence[Import]], dags_folder: Path, installed: Installed
) -> tuple[CompatibilityFinding, ...]:
    """Return what will fail when the tasks of these loadable files run.

    Raises RunError if ruff can't be run.
    """
    inside = [file for file in dict.fromkeys(files) if file.is_relative_to(dags_folder)]
    entries = check_files([file for file in inside if missing_imports.get(str(file))], installed.python_minor)
    return merge_findings(
        CompatibilityFinding(what, modern, (f"{file.relative_to(dags_folder)}:{line}",))
        for file in inside
        for what, modern, line in (
            *_explain_imports(missing_imports.get(str(file), ()), entries, installed),
            *_find_missing_names(file, installed),
        )
    )


def hint_for_failure(dags_folder: Path, file: Path, log: str, installed: Installed) -> str | None:
    """Return the finding in a DAG's file that explains the error in the run's log, or None."""
    lines = {int(line) for line in re.findall(rf'File "{re.escape(str(file))}", line (\d+)', log)}
    errors = IMPORT_FAILED.findall(log)
    imports = [
        (line, name, errors[0])
        for line, name in (list_imports(file) if errors else ())
        if line in lines and name.startswith("airflow.")
    ]
    findings = find_in_running_files([file], {str(file): imports}, dags_folder, installed)
    names = set(MISSED.findall(log))
    return next(
        (
            str(each)
            for each in findings
            if set(re.findall(r"'(\w+)'", each.what)) & names
            or any(int(place.rpartition(":")[2]) in lines for place in each.places)
        ),
        None,
    )


def format_short(findings: Sequence[CompatibilityFinding]) -> str:
    """Format the findings for a one-line message: the first finding and the number of others."""
    more = f" (and {len(findings) - 1} more: `harness list` shows them)" if len(findings) > 1 else ""
    return f"{findings[0]}{more}" if findings else ""


def _list_files(errors: Mapping[str, str], dags_folder: Path) -> list[Path]:
    """Return the broken files, and the files of the folder that their tracebacks name."""
    named = [Path(file) for trace in errors.values() for file in re.findall(r'File "([^"]+)"', trace)]
    files = dict.fromkeys([*map(Path, errors), *named])
    return [file for file in files if file.is_relative_to(dags_folder) and file.suffix == ".py" and file.is_file()]


def _explain_errors(errors: Mapping[str, str], dags_folder: Path) -> Iterator[CompatibilityFinding]:
    """Explain the errors that another Python or package would prevent.

    Each finding is at the last line of the traceback in a file of the folder.
    """
    for file, trace in sorted(errors.items()):
        reason = explain_error(trace.strip().rpartition("\n")[2])
        frames = [*re.findall(r'File "([^"]+)", line (\d+)', trace)]
        inside = [frame for frame in frames if Path(frame[0]).is_relative_to(dags_folder)]
        if reason:
            name, line = inside[-1] if inside else (file, "1")
            shown = Path(name).relative_to(dags_folder) if Path(name).is_relative_to(dags_folder) else Path(name).name
            yield CompatibilityFinding(*reason, (f"{shown}:{line}",))


def _find_in_broken_file(
    file: Path, entries: Sequence[RuffEntry], missing: Sequence[Import] | None, installed: Installed
) -> Iterator[Found]:
    """Yield the findings of one file.

    `missing` is None if Airflow did not try the file's imports.
    """
    yield from _explain_imports(missing or (), entries, installed)
    yield from (
        (f"the file needs Python {entry.python}", advise_python(entry.python), entry.line)
        for entry in entries
        if entry.python
    )
    if installed.major >= 3:
        yield from _find_removed_names(file, entries, missing)
    yield from find_refused_values(parse_file(file), installed.major)
    yield from _find_missing_names(file, installed)


def _explain_imports(missing: Sequence[Import], entries: Sequence[RuffEntry], installed: Installed) -> Iterator[Found]:
    """Yield one finding for each import that fails.

    For a missing module, yield one finding for each name of the module that the file uses.
    """
    replacements = {entry.name: entry.replacement for entry in entries if entry.replacement}
    for line, imported, error in missing:
        used = {entry.name for entry in entries if entry.name.startswith(f"{imported}.")}
        for name in sorted(used) or [imported]:
            yield *explain_import((line, name, error), replacements, installed), line


def _find_removed_names(file: Path, entries: Sequence[RuffEntry], missing: Sequence[Import] | None) -> Iterator[Found]:
    """Yield ruff's findings of removed names.

    Findings of failing imports, of imports that work, and of names of the context are left out.
    """
    imports = {name: line for line, name in list_imports(file)}
    failing = tuple(name for _, name, _ in missing or ())
    for entry in entries:
        explained = any(entry.name == name or entry.name.startswith(f"{name}.") for name in failing)
        works = missing is not None and entry.name in imports
        in_context = entry.name in GONE and entry.replacement is None
        if entry.removed and not (explained or works or in_context):
            modern = entry.replacement or FORMS.get(entry.name.rpartition(".")[2]) or GUIDE
            yield entry.message, modern, imports.get(entry.name, entry.line)


def _find_missing_names(file: Path, installed: Installed) -> Iterator[Found]:
    if installed.major >= 3:
        yield from find_missing_names(parse_file(file))
