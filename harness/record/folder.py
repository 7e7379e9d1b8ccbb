"""Read the dags folder at the end of a session.

Complete the evidence with the schedules of the folder's DAGs.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from harness.errors import HarnessError, RunError
from harness.evidence.document import FOLDER_FILE, FolderDocument, Schedule
from harness.evidence.log_warnings import find_warning_documents, is_import_warning
from harness.evidence.normalise import Normaliser
from harness.output import write
from harness.record.write import UNFINISHED, change_scenario, format_json
from harness.shown_text import show_values

if TYPE_CHECKING:
    from harness.airflow.environments import AirflowEnvironment
    from harness.airflow.runners import Execute

Read = Callable[[Sequence[tuple[str, str]]], Mapping[str, Any]]
"""Reads the folder with the DAG id and date of runs (harness/airflow/inside/schedules.py). Raises HarnessError."""


def read_folder(
    airflow: AirflowEnvironment,
    execute: Execute,
    env: Mapping[str, str],
    dags_folder: Path,
    home: Path,
    timeout: float,
    runs: Sequence[tuple[str, str]],
) -> dict[str, Any]:
    """Return the result of harness/airflow/inside/schedules.py, with the program's `log`.

    Raises RunError.
    """
    request, result = home / "schedules-request.json", home / "schedules.json"
    request.write_text(json.dumps(runs), encoding="utf-8")
    command = airflow.inside("schedules", str(dags_folder), str(request), str(result))
    done = execute(command, env, home, home / "schedules.log", timeout)
    try:
        found: dict[str, Any] = json.loads(result.read_bytes())
    except (OSError, ValueError) as error:
        last = [line for line in done.log.splitlines() if line.strip()][-1:]
        raise RunError(last[0].strip() if last else f"exit code {done.exit_code}") from error
    return {**found, "log": done.log}


def complete_evidence(
    folder: Path,
    files: Sequence[Path],
    read: Read,
    dags_folder: Path,
    normalise: Normaliser,
    show: Callable[[str], str],
) -> None:
    """Write FOLDER_FILE, and add the schedules to the scenarios' files. Raises OSError."""
    runs = [run for file in files for run in json.loads(file.read_bytes())["runs"] if run["refused"] is None]
    pairs = list(dict.fromkeys((run["dag_id"], run["date"]) for run in runs))
    document, why = FolderDocument(schedules={}), ""
    schedules: dict[tuple[str, str], Any] = {}
    try:
        found = show_values(read(pairs), show)
    except HarnessError as error:
        why = normalise(f"Airflow could not read the dags folder: {error}")
        document = document.model_copy(update={"incomplete": (why,)})
    else:
        schedules = dict(zip(pairs, found["runs"], strict=True))
        document = FolderDocument(
            schedules=found["schedules"],
            warnings=tuple(filter(is_import_warning, find_warning_documents(found["log"], dags_folder, normalise))),
            tasks=found["tasks"],
            files={dag: relative_to(file, dags_folder) for dag, file in found["files"].items()},
            import_errors={
                relative_to(file, dags_folder): normalise(summarise_error(trace, dags_folder))
                for file, trace in sorted(found["errors"].items())
            },
        )
    if not (why and (folder / FOLDER_FILE).exists()):  # another worker of xdist may have read the folder
        write(folder / FOLDER_FILE, format_json(document))

    def change(scenario: dict[str, Any]) -> None:
        missing = [why if text == UNFINISHED else text for text in scenario["incomplete"]]
        scenario["incomplete"] = [text for text in missing if text]
        for run in (run for run in scenario["runs"] if run["refused"] is None):
            schedule = schedules.get((run["dag_id"], run["date"]))
            run["schedule"] = schedule and Schedule.model_validate(schedule).model_dump(mode="json")
            others = list_other_files(document, run["dag_id"])
            run["warnings"] = [
                one for one in run["warnings"] if one["file"] not in others or one["category"] == "warning"
            ]

    for file in files:
        change_scenario(file, change)


def list_other_files(folder: FolderDocument, dag_id: str) -> set[str]:
    """Return the files of other DAGs and those that fail to import.

    The set is empty if the folder does not have this DAG. Airflow imports all files before each run, and
    `folder.warnings` has their warnings.
    """
    if dag_id not in folder.files:
        return set()
    return {*folder.files.values(), *folder.import_errors} - {folder.files[dag_id]}


def relative_to(file: str, dags_folder: Path) -> str:
    """Return the file relative to the dags folder, if it lies there."""
    return str(Path(file).relative_to(dags_folder)) if Path(file).is_relative_to(dags_folder) else file


def summarise_error(trace: str, dags_folder: Path) -> str:
    """Return the error of a traceback, and the last line of the folder's files that it names."""
    lines = [line.strip() for line in trace.splitlines() if line.strip()]
    inside = f'File "{dags_folder}/'
    frames = [line.removeprefix(inside) for line in lines if line.startswith(inside)]
    place = frames[-1].replace('", line ', ":").partition(",")[0] if frames else ""
    return f"{lines[-1] if lines else '(no message)'}{f' ({place})' if place else ''}"
