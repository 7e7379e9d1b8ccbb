"""The comparison as JUnit XML: a test case for each scenario.

The failures of a test case are the failing differences of its scenario.
"""

from __future__ import annotations

import re
from typing import Final
from xml.etree.ElementTree import Element, SubElement, indent, tostring

from harness.compare.model import FOLDER, Comparison, Difference
from harness.compare.verdicts import fails
from harness.shown_text import shown_text

NOT_XML: Final = re.compile("[^\t\n\r\x20-\ud7ff\ue000-\ufffd\U00010000-\U0010ffff]")


def format_junit(comparison: Comparison, strict: bool = False) -> str:
    """Return the comparison as JUnit XML.

    Accepted differences and those that fail nothing are in the case's output.
    """
    names = [*(one.scenario for one in comparison.differences), *comparison.scenarios]
    ordered = sorted(dict.fromkeys(names), key=lambda name: (name != FOLDER, name))
    by_scenario: dict[str, list[Difference]] = {}
    for one in comparison.differences:
        by_scenario.setdefault(one.scenario, []).append(one)
    suite = Element("testsuite", name="harness compare")
    failures = 0
    for name in ordered:
        mine = by_scenario.get(name, [])
        failing = [one for one in mine if fails(one, strict)]
        case = SubElement(
            suite, "testcase", classname=_safe(f"{comparison.candidate.label}"), name=_safe(name), time="0"
        )
        if failing:
            failures += 1
            text = "\n".join(_format(one) for one in failing)
            SubElement(case, "failure", message=_safe(_head(failing[0]))).text = _safe(text)
        others = [_format(one) for one in mine if not fails(one, strict)]
        if others:
            SubElement(case, "system-out").text = _safe("\n".join(others))
    problems = [*comparison.problems, *([comparison.not_comparable] if comparison.not_comparable else [])]
    for problem in problems:
        case = SubElement(suite, "testcase", classname="accepted.toml", name=_safe(problem), time="0")
        SubElement(case, "failure", message=_safe(problem))
    suite.set("tests", str(len(ordered) + len(problems)))
    suite.set("failures", str(failures + len(problems)))
    indent(suite)
    return '<?xml version="1.0" encoding="utf-8"?>\n' + tostring(suite, encoding="unicode") + "\n"


def _head(one: Difference) -> str:
    return f"{one.verdict}: {one.field}: {one.message}"


def _format(one: Difference) -> str:
    accepted = f" (accepted: {one.accepted})" if one.accepted else ""
    place = f"{one.run}: " if one.run else ""
    return "\n".join((f"{place}{_head(one)}{accepted}", *(f"    {line}" for line in one.detail)))


def _safe(text: str) -> str:
    return NOT_XML.sub("", shown_text(text))
