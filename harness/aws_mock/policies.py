"""IAM's evaluation of policies: an explicit Deny wins, then any Allow, else Deny.

https://docs.aws.amazon.com/IAM/latest/UserGuide/reference_policies_evaluation-logic.html. moto's own evaluation treats
a policy's text as a regular expression and most conditions as met.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from typing import Any

Policy = Mapping[str, Any]
Context = Mapping[str, str]


def permits(policies: Iterable[Policy], action: str, resource: str, context: Context | None = None) -> bool:
    """Return whether identity policies (parsed JSON) allow `action` on `resource`.

    `context`: condition keys and their values.
    """
    return _collect_effects(policies, action, resource, context) == {"Allow"}


def denies(policies: Iterable[Policy], action: str, resource: str, context: Context | None = None) -> bool:
    """Return whether a statement of the policies explicitly denies `action` on `resource`."""
    return "Deny" in _collect_effects(policies, action, resource, context)


def _collect_effects(policies: Iterable[Policy], action: str, resource: str, context: Context | None) -> set[str]:
    return {
        statement["Effect"]
        for policy in policies
        for statement in list_statements(policy)
        if _applies_to(statement, action, resource) and _conditions_hold(statement, context or {})
    }


def trusts(policy: Policy, service: str, context: Context | None = None) -> bool:
    """Return whether a trust policy lets a service, an AWS domain name, assume its role."""
    effects = {
        statement["Effect"]
        for statement in list_statements(policy)
        if _matches_any(_as_list(statement.get("Action")), "sts:AssumeRole", ignore_case=True)
        and service in _services(statement.get("Principal"))
        and _conditions_hold(statement, context or {})
    }
    return effects == {"Allow"}


def list_statements(policy: Policy) -> list[Mapping[str, Any]]:
    return _as_list(policy["Statement"])


def _applies_to(statement: Mapping[str, Any], action: str, resource: str) -> bool:
    if "NotAction" in statement:
        acts = not _matches_any(_as_list(statement["NotAction"]), action, ignore_case=True)
    else:
        acts = _matches_any(_as_list(statement.get("Action")), action, ignore_case=True)
    if "NotResource" in statement:
        return acts and not _matches_any(_as_list(statement["NotResource"]), resource)
    return acts and _matches_any(_as_list(statement.get("Resource")), resource)


def _services(principal: Any) -> list[str]:
    """List the services that a principal names; `*` names no service."""
    return _as_list(principal.get("Service")) if isinstance(principal, Mapping) else []


def _conditions_hold(statement: Mapping[str, Any], context: Context) -> bool:
    """Return whether all conditions of a statement hold.

    An unknown operator never permits a call: the conditions of an Allow fail, those of a Deny hold.
    """
    known = {key.lower(): value for key, value in context.items()}  # IAM's condition keys ignore case.
    for operator, condition in (statement.get("Condition") or {}).items():
        for key, values in condition.items():
            met = _evaluate_condition(operator, known.get(key.lower()), [str(value) for value in _as_list(values)])
            if met is None:
                return bool(statement["Effect"] == "Deny")
            if not met:
                return False
    return True


def _evaluate_condition(operator: str, value: str | None, accepted: list[str]) -> bool | None:
    """Compare `value` with the accepted ones. Returns None for an unknown operator."""
    plain = operator.removesuffix("IfExists")
    negated = plain in ("StringNotEquals", "StringNotLike", "ArnNotEquals", "ArnNotLike")
    if plain not in ("StringEquals", "StringLike", "ArnEquals", "ArnLike", "Bool") and not negated:
        return None
    if value is None:
        return plain != operator or negated
    if plain.endswith("Like") or plain.startswith("Arn"):
        matches = _matches_any(accepted, value)
    elif plain == "Bool":
        matches = value.lower() in [text.lower() for text in accepted]
    else:
        matches = value in accepted
    return matches != negated


def _matches_any(patterns: Iterable[str], text: str, ignore_case: bool = False) -> bool:
    flags = re.DOTALL | (re.IGNORECASE if ignore_case else 0)
    return any(
        re.fullmatch(re.escape(pattern).replace(r"\*", ".*").replace(r"\?", "."), text, flags) for pattern in patterns
    )


def _as_list(value: Any) -> list[Any]:
    return [] if value is None else list(value) if isinstance(value, list | tuple) else [value]
