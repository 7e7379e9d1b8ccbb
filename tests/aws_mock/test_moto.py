"""What the twin leans on in moto. A new moto makes this fail, and name what to look at.

Then: read what has changed there, mend harness/aws_twin where it has to be, run its tests and the scenarios, and put
the new fingerprint here.
"""

from __future__ import annotations

import hashlib
import importlib
import inspect
from functools import reduce
from pathlib import Path

import moto
import pytest

VERSION = "5.2.5"
LEANS_ON = {
    "moto.core.base_backend:BackendDict.__init__": (
        "d322760b4427",
        "puts its own backend class in place of SageMaker's (backend.install)",
    ),
    "moto.core.base_backend:BaseBackend.reset": (
        "a89684d3e41a",
        "keeps its jobs in the backend, and they are to go with it",
    ),
    "moto.core.base_backend:BaseBackend._url_module": (
        "0ca6b9bd8269",
        "has its backend found by the module name of moto's",
    ),
    "moto.core.responses:BaseResponse.call_action": ("26076963fd17", "gives calls their ARNs by _determine_resource"),
    "moto.core.responses:BaseResponse.setup_class": ("0045fc77574a", "reads binary bodies by use_raw_body"),
    "moto.core.authorization:ActionAuthenticatorMixin": ("d5d4b7c6c23b", "switches enforcement by its counter"),
    "moto.core.exceptions:AccessDeniedError": ("eca26389d893", "words the refusal anew"),
    "moto.iam.access_control:IAMRequestBase.check_action_permitted": ("c4cad2131aee", "replaces it"),
    "moto.iam.access_control:IAMRequestBase.__init__": (
        "b606a83700ae",
        "reads action, service, headers and access key from it",
    ),
    "moto.iam.access_control:create_access_key": ("2f59dd409cd7", "asks it for the caller of PassRole"),
    "moto.iam.access_control:IAMPolicy.__init__": ("1af3974f4f24", "reads a policy's document by it"),
    "moto.moto_api._internal.models:MotoAPIBackend.reset": ("b0bd0f1d8f56", "clears its own state with it"),
    "moto.moto_server.werkzeug_app:DomainDispatcherApplication.__call__": (
        "7b12179deced",
        "stands before it, to record and for calls of its own",
    ),
    "moto.sagemaker.models:FakeTrainingJob": ("6502c73e1ea1", "moves its fields"),
    "moto.sagemaker.models:FakeEndpoint": ("0212c33efc88", "moves its fields"),
    "moto.sagemaker.models:FakeEndpointConfig": ("7900aaa49abe", "switches off its list of instance types"),
    "moto.sagemaker.models:Model": ("8c022e1f5861", "reads container and role"),
    "moto.sagemaker.models:SageMakerModelBackend.create_training_job": ("28e33b84f7b4", "checks before it"),
    "moto.sagemaker.models:SageMakerModelBackend.create_model": ("65dbd42f10d0", "checks before it"),
    "moto.sagemaker.models:SageMakerModelBackend.create_endpoint_config": ("87a71038bb39", "checks before it"),
    "moto.sagemaker.models:SageMakerModelBackend.create_endpoint": ("547454899915", "checks before it"),
    "moto.sagemaker.models:SageMakerModelBackend.validate_production_variants": (
        "5d532614c477",
        "replaces it, for AWS's words",
    ),
    "moto.sagemaker.responses:SageMakerResponse.create_training_job": ("10db6d601d79", "checks PassRole before it"),
    "moto.sagemaker.responses:SageMakerResponse.create_model": ("dc3d27d42606", "checks PassRole before it"),
    "moto.sagemakerruntime.responses:SageMakerRuntimeResponse": ("6ae5bb12f370", "replaces invoke_endpoint"),
    "moto.s3.models:S3Backend.put_object": ("db803f2da9d7", "writes artefacts by it"),
    "moto.s3.models:FakeKey": ("38cbad7c55b9", "reads objects and their content"),
    "moto.s3.responses:S3Response._set_action": ("51dddb5c8bbf", "takes S3's actions from it"),
    "moto.logs.models:LogsBackend.put_log_events": ("9413dbc08c42", "writes a job's log by it"),
}
"""Name -> (the first digits of its source's SHA-256, what the twin does with it)."""


def fingerprint(name: str) -> str:
    module, _, path = name.partition(":")
    thing = reduce(getattr, path.split("."), importlib.import_module(module))
    if isinstance(thing, property):
        thing = thing.fget
    return hashlib.sha256(inspect.getsource(thing).encode()).hexdigest()[:12]


@pytest.mark.parametrize("name", list(LEANS_ON))
def test_it_is_as_it_was(name: str) -> None:
    known, use = LEANS_ON[name]
    assert fingerprint(name) == known, f"{name} is another one in moto {moto.__version__}; the twin {use}"


def test_the_version() -> None:
    """The lock of the image, the one of the environment, and what this table was made with."""
    lock = Path(__file__).parents[2] / "harness" / "images" / "recipes" / "moto" / "requirements.txt"
    assert moto.__version__ == VERSION
    assert f"\nmoto=={VERSION} " in lock.read_text()
