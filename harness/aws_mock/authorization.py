"""Authorization: moto checks identities and signatures, this module AWS's permissions.

Adds what moto lacks: the ARNs of SageMaker's and CloudWatch Logs' calls (moto checks `*`), the source of a copy in S3,
PassRole, trust policies, and the permissions of a job's role. The Service Authorization Reference lists the resources
of each action: https://docs.aws.amazon.com/service-authorization/latest/reference/.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterator, Mapping
from typing import Any
from urllib.parse import unquote, urlparse
from xml.sax.saxutils import unescape

from moto import settings
from moto.core.authorization import ActionAuthenticatorMixin
from moto.core.exceptions import AccessDeniedError, ServiceException
from moto.core.models import DEFAULT_ACCOUNT_ID
from moto.core.responses import BaseResponse
from moto.iam.access_control import IAMPolicy, IAMRequestBase, create_access_key
from moto.iam.exceptions import NotFoundException
from moto.iam.models import Role, iam_backends
from moto.logs.responses import LogsResponse

from . import errors
from .policies import Policy, denies, permits, trusts

SAGEMAKER = "sagemaker.amazonaws.com"
KINDS = {
    "TrainingJobName": "training-job",
    "ModelName": "model",
    "EndpointConfigName": "endpoint-config",
    "EndpointName": "endpoint",
}
S3_ACTIONS = {"s3:HeadBucket": "s3:ListBucket"}
"""Calls that need the permission of another action: https://docs.aws.amazon.com/AmazonS3/latest/API/API_HeadBucket.html."""

JSON_SERVICES = ("sagemaker", "logs")
"""Services that deny a call in AWS's words. The others use moto's words, in a form that their clients can parse."""


def install() -> None:
    IAMRequestBase.check_action_permitted = _check_action_permitted  # type: ignore[method-assign]
    LogsResponse._determine_resource = _logs_resource  # type: ignore[attr-defined]


def enforce() -> None:
    """Require a user and permissions for every call from now on."""
    settings.INITIAL_NO_AUTH_ACTION_COUNT = 0
    ActionAuthenticatorMixin.request_count = 0


def relax() -> None:
    """Accept every call from now on."""
    settings.INITIAL_NO_AUTH_ACTION_COUNT = float("inf")


def is_enforced() -> bool:
    return ActionAuthenticatorMixin.request_count >= settings.INITIAL_NO_AUTH_ACTION_COUNT


def check_trust(role_arn: str, source: str) -> None:
    """Check that SageMaker may assume a role, whether IAM is enforced or not.

    `source`: ARN of the resource that will use the role. Raises AWS's error if the role doesn't exist or doesn't trust
    SageMaker.
    """
    role = _find_role(role_arn)
    context = {"aws:SourceAccount": DEFAULT_ACCOUNT_ID, "aws:SourceArn": source}
    if role is None or not trusts(json.loads(role.assume_role_policy_document), SAGEMAKER, context):
        raise errors.could_not_assume_role(role_arn)


def role_may(role_arn: str, action: str, resource: str) -> bool:
    """Return whether the role's policies allow the action.

    Always true while IAM is not enforced.
    """
    role = _find_role(role_arn)
    return not is_enforced() or (role is not None and permits(_list_policies(role), action, resource))


def check_pass_role(response: BaseResponse, role_arn: str | None) -> None:
    """Check that the caller may pass the role to SageMaker (iam:PassRole).

    Raises AccessDeniedException.
    """
    if not is_enforced() or role_arn is None:
        return
    key = create_access_key(DEFAULT_ACCOUNT_ID, "aws", response.get_access_key(), dict(response.headers))
    policies = [_parse(policy) for policy in key.collect_policies()]
    context = {"iam:PassedToService": SAGEMAKER}
    if not permits(policies, "iam:PassRole", role_arn, context):
        explicitly = denies(policies, "iam:PassRole", role_arn, context)
        raise DeniedError(_format_denial(key.arn, "iam:PassRole", role_arn, explicitly))


class DeniedError(ServiceException):
    """A denied call.

    The text's source: https://docs.aws.amazon.com/IAM/latest/UserGuide/troubleshoot_access-denied.html.
    """

    code = "AccessDeniedException"


def sagemaker_resource(action: str, parameters: Mapping[str, Any], region: str) -> str:
    """Return the ARNs that a SageMaker call needs permissions on, separated by blanks.

    `*` for a List call.
    """
    prefix = f"arn:aws:sagemaker:{region}:{DEFAULT_ACCOUNT_ID}"
    if action.startswith("List"):
        return "*"
    # CreateEndpoint and UpdateEndpoint need the endpoint and its configuration.
    arns = [f"{prefix}:{kind}/{parameters[name]}".lower() for name, kind in KINDS.items() if name in parameters]
    return " ".join(arns) or "*"


def _logs_resource(self: LogsResponse) -> str:
    group = self._get_param("logGroupName")
    stream = self._get_param("logStreamName")
    if not group:
        return "*"
    arn = f"arn:aws:logs:{self.region}:{self.current_account}:log-group:{group}"
    return f"{arn}:log-stream:{stream or ''}"


def _check_action_permitted(self: IAMRequestBase, resource: str) -> None:
    policies = [_parse(policy) for policy in self._access_key.collect_policies()]
    for action, needed in _list_needed(self, resource):
        if not permits(policies, action, needed):
            if self._service not in JSON_SERVICES:
                self._raise_access_denied()
            message = _format_denial(self._access_key.arn, action, needed, denies(policies, action, needed))
            raise _create_json_error(message, 400 if "X-Amz-Target" in self._headers else 403)


def _list_needed(request: IAMRequestBase, resource: str) -> Iterator[tuple[str, str]]:
    """Yield (action, resource) of every permission that a call needs."""
    if request._action == "sts:GetCallerIdentity":
        return  # AWS always allows this call.
    action = S3_ACTIONS.get(request._action, request._action)
    if action == "s3:DeleteObject":
        resources = _list_deleted(request, resource)
    else:
        resources = [resource] if request._service == "s3" else resource.split(" ")
    for arn in resources:
        yield action, arn
    if action == "s3:PutObject":
        if source := request._headers.get("x-amz-copy-source"):
            path = unquote(urlparse(source).path).lstrip("/")
            yield "s3:GetObject", f"arn:aws:s3:::{path}"
        if request._headers.get("x-amz-acl"):
            yield "s3:PutObjectAcl", resource


def _list_deleted(request: IAMRequestBase, resource: str) -> list[str]:
    """List the ARNs of the deleted objects.

    DeleteObjects names them in its body; moto checks the bucket instead.
    """
    if "/" in resource:
        return [resource]
    keys = re.findall(r"<Key>(.*?)</Key>", bytes(request._body or b"").decode(), re.DOTALL)
    return [f"{resource}/{unescape(key)}" for key in keys]


def _create_json_error(message: str, status: int) -> AccessDeniedError:
    """Create a denial with a JSON body.

    SageMaker responds with status 400: github.com/aws-controllers-k8s/community/issues/1889.
    """
    error = AccessDeniedError("", "")
    error.error_type, error.message, error.code = "AccessDeniedException", message, status
    error.description = json.dumps({"__type": "AccessDeniedException", "message": message})
    return error


def _format_denial(user: str, action: str, resource: str, explicitly: bool) -> str:
    reason = "with an explicit deny in an identity-based policy"
    if not explicitly:
        reason = f"because no identity-based policy allows the {action} action"
    return f"User: {user} is not authorized to perform: {action} on resource: {resource} {reason}"


def _find_role(role_arn: str) -> Role | None:
    try:
        return iam_backends[DEFAULT_ACCOUNT_ID]["aws"].get_role_by_arn(role_arn)
    except NotFoundException:
        return None


def _list_policies(role: Role) -> list[Policy]:
    backend = iam_backends[DEFAULT_ACCOUNT_ID]["aws"]
    inline = [backend.get_role_policy(role.name, name)[1] for name in backend.list_role_policies(role.name)]
    attached, _ = backend.list_attached_role_policies(role.name)
    return [_parse(policy) for policy in (*inline, *attached)]


def _parse(policy: Any) -> Policy:
    parsed: Policy = IAMPolicy(policy)._policy_json
    return parsed
