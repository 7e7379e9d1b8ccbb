"""IAM's rule of evaluation, for identity policies and trust policies: an explicit Deny wins, then any Allow, else no.

https://docs.aws.amazon.com/IAM/latest/UserGuide/reference_policies_evaluation-logic.html. moto's own evaluation takes a
policy's text for a regular expression and most conditions for met.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from typing import Any

Policy = Mapping[str, Any]
Context = Mapping[str, str]


def permits(policies: Iterable[Policy], action: str, resource: str, context: Context | None = None) -> bool:
    """Whether identity policies (parsed JSON) allow `action` on `resource`. `context`: condition keys and values."""
    return _effects(policies, action, resource, context) == {"Allow"}


def denies(policies: Iterable[Policy], action: str, resource: str, context: Context | None = None) -> bool:
    """Whether they refuse it by a statement of theirs, rather than by having none that allows it."""
    return "Deny" in _effects(policies, action, resource, context)


def _effects(policies: Iterable[Policy], action: str, resource: str, context: Context | None) -> set[str]:
    return {
        statement["Effect"]
        for policy in policies
        for statement in statements(policy)
        if _concerns(statement, action, resource) and _met(statement, context or {})
    }


def trusts(policy: Policy, service: str, context: Context | None = None) -> bool:
    """Whether a trust policy lets the service (`sagemaker.amazonaws.com`) assume its role."""
    effects = {
        statement["Effect"]
        for statement in statements(policy)
        if _any(_listed(statement.get("Action")), "sts:AssumeRole", ignore_case=True)
        and service in _services(statement.get("Principal"))
        and _met(statement, context or {})
    }
    return effects == {"Allow"}


def statements(policy: Policy) -> list[Mapping[str, Any]]:
    return _listed(policy["Statement"])


def _concerns(statement: Mapping[str, Any], action: str, resource: str) -> bool:
    if "NotAction" in statement:
        acts = not _any(_listed(statement["NotAction"]), action, ignore_case=True)
    else:
        acts = _any(_listed(statement.get("Action")), action, ignore_case=True)
    if "NotResource" in statement:
        return acts and not _any(_listed(statement["NotResource"]), resource)
    return acts and _any(_listed(statement.get("Resource")), resource)


def _services(principal: Any) -> list[str]:
    """None for `*`: a role that everybody may take is not known to be SageMaker's."""
    return _listed(principal.get("Service")) if isinstance(principal, Mapping) else []


def _met(statement: Mapping[str, Any], context: Context) -> bool:
    """All conditions of the statement. One that is not understood leaves an Allow unmet and a Deny met."""
    found = {key.lower(): value for key, value in context.items()}  # IAM's keys have no case
    for operator, wanted in (statement.get("Condition") or {}).items():
        for key, values in wanted.items():
            met = _condition(operator, found.get(key.lower()), [str(value) for value in _listed(values)])
            if met is None:
                return bool(statement["Effect"] == "Deny")
            if not met:
                return False
    return True


def _condition(operator: str, found: str | None, wanted: list[str]) -> bool | None:
    """None for an operator that is not understood."""
    plain = operator.removesuffix("IfExists")
    negated = plain in ("StringNotEquals", "StringNotLike", "ArnNotEquals", "ArnNotLike")
    if plain not in ("StringEquals", "StringLike", "ArnEquals", "ArnLike", "Bool") and not negated:
        return None
    if found is None:
        return plain != operator or negated
    if plain.endswith("Like") or plain.startswith("Arn"):
        matches = _any(wanted, found)
    elif plain == "Bool":
        matches = found.lower() in [value.lower() for value in wanted]
    else:
        matches = found in wanted
    return matches != negated


def _any(patterns: Iterable[str], text: str, ignore_case: bool = False) -> bool:
    flags = re.DOTALL | (re.IGNORECASE if ignore_case else 0)
    return any(
        re.fullmatch(re.escape(pattern).replace(r"\*", ".*").replace(r"\?", "."), text, flags) for pattern in patterns
    )


def _listed(value: Any) -> list[Any]:
    return [] if value is None else list(value) if isinstance(value, list | tuple) else [value]
