"""This project's own matrix."""

from __future__ import annotations

from pathlib import Path

from harness.images.catalogue import BUILT_IN, load_catalogue
from harness.settings import Settings
from harness.upgrade.combinations import read_combinations, wanted_of
from tools.environments.lines import LINES

ROOT = Path(__file__).parents[2]


def test_it_has_every_airflow_line_and_the_newest_servers() -> None:
    settings = Settings.load(ROOT, BUILT_IN, {}, {})
    combinations = read_combinations(settings, None)
    assert {name for name in combinations if "-" not in name} == LINES.keys()
    assert len(combinations) == 8
    for name, combination in combinations.items():
        wanted = wanted_of(combination, ROOT)
        if (line := LINES.get(name)) and name != "3.3":  # which is what the project has
            assert (wanted.file, wanted.python) == (ROOT / f"requirements/airflow-{name}.txt", line.preferred)
        # Raises ImageError for a release that no recipe builds.
        load_catalogue(settings.model_copy(update={"image_overrides": wanted.images}))
