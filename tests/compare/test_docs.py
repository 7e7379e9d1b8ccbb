"""docs/verdicts.md shows the table and the list that the code has."""

from __future__ import annotations

import re
from pathlib import Path

from harness.compare.limits import LIMITS
from harness.compare.verdicts import RULES

PAGE = (Path(__file__).parents[2] / "docs" / "verdicts.md").read_text()


def test_the_page_has_every_rule_in_order() -> None:
    rows = re.findall(r"^\| `(.+)` \| (.+) \| (.+) \| ([01]) \| (yes|no) \|$", PAGE, re.M)
    assert rows == [
        (one.field, one.condition, one.verdict, "1" if one.fails else "0", "yes" if one.filtered else "no")
        for one in RULES
    ]


def test_the_page_has_every_limit() -> None:
    section = PAGE.partition("## What `airflow dags test`")[2]
    assert re.findall(r"^- (.+)$", section, re.M) == list(LIMITS)
