"""Read the combinations of `harness matrix`, from pyproject or a file."""

from __future__ import annotations

import tomllib
from collections.abc import Mapping, Sequence
from pathlib import Path

from pydantic import TypeAdapter, ValidationError

from harness.airflow.making.targets import Wanted, merge_targets, parse_target
from harness.airflow.preflight import check_folder
from harness.errors import SettingsError
from harness.names import check_combinations
from harness.settings import TABLE, Combination, Settings

PYPROJECT = f"pyproject's [{TABLE}.matrix]"


def read_combinations(settings: Settings, file: Path | None, only: Sequence[str] = ()) -> dict[str, Combination]:
    """Return the combinations of `file`, or of pyproject if `file` is None.

    The combinations keep their order. If `only` names some, only those are returned. Their folders are absolute.
    Raises SettingsError.
    """
    where = f"matrix {file}" if file else PYPROJECT
    declared = _read_file(file) if file else dict(settings.matrix)
    if not declared:
        raise SettingsError(f"{where}: there is no combination: write a table for each, with the list `to` in it")
    for name in only:
        if name not in declared:
            raise SettingsError(f"--only {name}: {where} has no such combination: use {', '.join(declared)}")
    return {
        name: _check(combination, settings.root, f"combination {name!r} in {where}")
        for name, combination in declared.items()
        if not only or name in only
    }


def wanted_of(combination: Combination, root: Path) -> Wanted:
    """Return what the combination has.

    Files among its targets are relative to `root`. Raises SettingsError.
    """
    files = {text: str(root / text) for text in combination.to if (root / text).is_file()}
    return merge_targets(parse_target(files.get(text, text)) for text in combination.to)


def _read_file(file: Path) -> dict[str, Combination]:
    try:
        table = tomllib.loads(file.read_text(encoding="utf-8"))
        declared = TypeAdapter(dict[str, Combination]).validate_python(table)
    except OSError as error:
        raise SettingsError(f"matrix {file} can't be read ({error.strerror}): correct its name") from error
    except (tomllib.TOMLDecodeError, UnicodeDecodeError) as error:
        raise SettingsError(f"matrix {file} can't be read as TOML: {error}") from error
    except ValidationError as error:
        first = error.errors()[0]
        field = ".".join(map(str, first["loc"]))
        raise SettingsError(f"{field!r} in matrix {file}: {first['msg']} (given: {first.get('input')!r})") from error
    check_combinations(declared, f"matrix {file}")
    return declared


def _check(combination: Combination, root: Path, where: str) -> Combination:
    try:
        wanted_of(combination, root)
    except SettingsError as error:
        raise SettingsError(f"{where}: {error}") from error
    _check_scenarios(combination.without, root, where)
    if combination.dags_folder is None:
        return combination
    folder = (root / combination.dags_folder).resolve()
    check_folder(folder)
    return combination.model_copy(update={"dags_folder": folder})


def _check_scenarios(without: Mapping[str, str], root: Path, where: str) -> None:
    for scenario in without:
        if not (root / scenario.partition("::")[0]).exists():
            raise SettingsError(f"{where}: scenario {scenario!r} in `without`: there is no such file; correct its name")
