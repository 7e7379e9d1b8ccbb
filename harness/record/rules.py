"""The rules that make the evidence of equal runs equal.

They are for one stack, one project and one run.
"""

from __future__ import annotations

import datetime as dt
import re
from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING

from harness.evidence.normalise import Normaliser

if TYPE_CHECKING:
    from harness.services.stack import Stack
    from harness.settings import Settings

COPY = re.compile(r"(?<=\bPROJECT)/\.harness/ref-\w{8}(?=/)")
"""The copy of a git reference from which `harness upgrade --to-ref` runs the candidate."""


def create_normaliser(
    settings: Settings,
    show: Callable[[str], str],
    stack: Stack | None = None,
    paths: Mapping[str, str] | None = None,
) -> Normaliser:
    """Return the rules. `paths` maps further folders to words; they come first."""
    names = {
        **(paths or {}),
        str(settings.dags_folder): "DAGS",
        str(settings.root): "PROJECT",
        **({str(settings.around): "PROJECT"} if settings.around else {}),
        **(_name_parts(stack) if stack else {}),
    }
    names = {name: word for name, word in names.items() if len(name) > 1}  # no root of a file system
    rules = [(COPY, ""), *((re.compile(rule.pattern), rule.word) for rule in settings.normalise)]
    return Normaliser(names, rules, dt.datetime.now(dt.UTC).date(), show)


def _name_parts(stack: Stack) -> dict[str, str]:
    return {
        stack.network: "NETWORK",
        stack.stack_id: "STACK",
        stack.session_id: "SESSION",
        stack.minio.endpoint.access_key: "USER",
    }
