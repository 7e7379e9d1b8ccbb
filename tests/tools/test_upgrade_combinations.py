"""The combinations that the workflow of upgrade checks runs."""

from __future__ import annotations

import shutil
from pathlib import Path

from tools.upgrade_combinations import CATALOGUE, changed_pins

ROOT = Path(__file__).parents[2]
LOCK = Path("requirements", "airflow-3.3.txt")


def copy_of_the_pins(folder: Path) -> Path:
    for file in (LOCK, CATALOGUE):
        (folder / file).parent.mkdir(parents=True, exist_ok=True)
        shutil.copy(ROOT / file, folder / file)
    return folder


def replace(file: Path, before: str, after: str) -> None:
    text = file.read_text()
    assert before in text
    file.write_text(text.replace(before, after))


def test_equal_pins_make_no_combination(tmp_path: Path) -> None:
    before, after = (copy_of_the_pins(tmp_path / name) for name in ("before", "after"))
    replace(before / LOCK, "    # via", "    # now via")
    replace(before / CATALOGUE, '"""The image catalogue', '"""An image catalogue')
    assert changed_pins(before, after) == []


def test_a_combination_for_each_changed_lock_and_image(tmp_path: Path) -> None:
    before, after = (copy_of_the_pins(tmp_path / name) for name in ("before", "after"))
    replace(before / LOCK, "apache-airflow==3.3.2", "apache-airflow==3.3.1")
    replace(before / CATALOGUE, '"postgres:17.6"', '"postgres:17.5"')
    assert changed_pins(before, after) == [
        {"name": "airflow-3.3", "from": str(before / LOCK), "to": str(LOCK)},
        {"name": "postgres", "from": "postgres=postgres:17.5", "to": "postgres=postgres:17.6"},
    ]
