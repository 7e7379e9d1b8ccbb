"""Short waits: give a run the cluster policy of inside/short_waits.py."""

from __future__ import annotations

from pathlib import Path

from harness.airflow.inside import short_waits

NAME = "airflow_scenario_harness_waits"
"""The plugin's module and distribution: a name that no project uses."""


def shorten_waits(home: Path) -> Path:
    """Cap the waits of the run with this home; return the file that lists the capped waits."""
    install_policy(home)
    log = home / short_waits.LOG
    log.touch()
    return log


def install_policy(home: Path) -> None:
    """Install the policy as a plugin in Airflow's `config` folder.

    The policy is inactive before shorten_waits(). Airflow adds the folder to `sys.path` and then loads the plugins of
    all distributions that it finds there.
    """
    distribution = home / "config" / f"{NAME}-1.dist-info"
    distribution.mkdir(parents=True, exist_ok=True)
    (distribution / "METADATA").write_text(f"Metadata-Version: 2.1\nName: {NAME}\nVersion: 1\n")
    (distribution / "entry_points.txt").write_text(f"[airflow.policy]\n{NAME} = {NAME}\n")
    (home / "config" / f"{NAME}.py").symlink_to(short_waits.__file__)
