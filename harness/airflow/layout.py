"""Where a project keeps the code around its DAGs.

The code is on the Python path, and in the folders of plugins and of Airflow's config. The folders beside the dags
folder are found as Airflow and Astro find them, if the project does not name others.
"""

from __future__ import annotations

import os
from dataclasses import dataclass
from pathlib import Path

from harness.errors import SettingsError
from harness.settings import Settings

ASTRO = ("include", ".astro")
"""Folders of `astro dev init`, whose image has the folder around them on its Python path."""

CONFIG_LINK = "project-config"
"""A link in a run's home to the project's config folder."""


@dataclass(frozen=True)
class Layout:
    """Folders of a project; `plugins` and `config` are None if it has none.

    `config` is the folder that Airflow expects in its home, for `airflow_local_settings.py` and logging classes.
    """

    python_path: tuple[Path, ...] = ()
    plugins: Path | None = None
    config: Path | None = None

    @property
    def variables(self) -> dict[str, str]:
        """The environment variables of a run that name the folders."""
        path = {"PYTHONPATH": os.pathsep.join(map(str, self.python_path))} if self.python_path else {}
        return path | ({"AIRFLOW__CORE__PLUGINS_FOLDER": str(self.plugins)} if self.plugins else {})

    def link_config(self, home: Path) -> None:
        """Link the project's config folder into a run's home, because no setting names the folder."""
        if self.config:
            link_config(home, self.config)


def list_variables(settings: Settings) -> dict[str, str]:
    """Return the variables of every command of Airflow that follow from the settings.

    Raises SettingsError.
    """
    return {"AWS_DEFAULT_REGION": settings.region, **find_layout(settings).variables}


def link_config(home: Path, config: Path) -> None:
    """Create `config` in an AIRFLOW_HOME, with a link to each entry of the project's folder.

    The new folder is no link itself, because Airflow and the harness write into it.
    """
    (home / CONFIG_LINK).symlink_to(config)
    (home / "config").mkdir()
    for entry in config.iterdir():
        if entry.name != "__pycache__":
            (home / "config" / entry.name).symlink_to(entry)


def choose_around(edited: Path, settings: Settings) -> Path | None:
    """Return the setting `around` of a side with edited DAGs.

    The side finds plugins, config and include there. The setting is the folder around the edited DAGs, also outside the
    project, or that around the project's own DAGs if nothing is there.
    """
    if edited == settings.dags_folder:
        return None
    around = edited.parent
    found = any((around / name).is_dir() for name in (*ASTRO, "plugins", "config"))
    return around if found else _around_own(settings)


def _around_own(settings: Settings) -> Path | None:
    """Return the folder around the dags folder, None if it is no part of the project."""
    around = settings.dags_folder.parent
    return around if around.is_relative_to(settings.root.resolve()) else None


def find_layout(settings: Settings) -> Layout:
    """Return the project's folders. Raises SettingsError if a declared folder is missing."""
    for name, folders in (("pythonpath", settings.pythonpath), ("plugins_folder", (settings.plugins_folder,))):
        for folder in filter(None, folders):
            if not folder.exists():
                raise SettingsError(f"{name} {str(folder)!r} does not exist: correct it in pyproject's [tool.harness]")
    around = settings.around or _around_own(settings)
    if around is None:
        return Layout(settings.pythonpath, settings.plugins_folder)
    astro = any((around / name).is_dir() for name in ASTRO)
    plugins, config = around / "plugins", around / "config"
    return Layout(
        (*settings.pythonpath, *([around] if astro else [])),
        settings.plugins_folder or (plugins if plugins.is_dir() else None),
        config if config.is_dir() else None,
    )
