"""Which runner runs: the setting `runner`, and on which Airflow lines the warm one is proved."""

from __future__ import annotations

import sys
from typing import Literal

from harness.settings import Runner

PROVED = {"2.11": "2.11.2", "3.3": "3.3.2"}
"""Each Airflow line on which both runners left equal evidence (`make equal`), with the version that showed it."""


def choose(wanted: Runner, line: str) -> tuple[Literal["warm", "process"], str | None]:
    """Return the runner for an Airflow line such as `3.3`, and a line for the user if it is not the one to expect."""
    if wanted == "process":
        return "process", None
    if sys.platform != "linux":
        return "process", "runner: process, since warm needs Linux; --runner process avoids this line"
    if wanted == "auto" and line not in PROVED:
        return "process", f"runner: process, since warm is not proved on Airflow {line}; --runner warm forces it"
    return "warm", None
