"""Fingerprints of the code in moto that the AWS mock depends on.

A new moto fails here and names what changed.
Then read the change, fix harness/aws_mock if necessary, run its tests and the scenarios, and update the fingerprint.
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
DEPENDENCIES = {
    "moto.core.base_backend:BackendDict.__init__": (
        "d322760b4427",
        "replaces SageMaker's backend class (backend.install)",
    ),
    "moto.core.base_backend:BaseBackend.reset": (
        "a89684d3e41a",
        "keeps its jobs in the backend and relies on the reset to clear them",
    ),
    "moto.core.base_backend:BaseBackend._url_module": (
        "0ca6b9bd8269",
        "gives its backend the module name of moto's",
    ),
    "moto.core.responses:BaseResponse.call_action": ("26076963fd17", "sets the ARNs of calls with _determine_resource"),
    "moto.core.responses:BaseResponse.setup_class": ("0045fc77574a", "reads binary bodies with use_raw_body"),
    "moto.core.authorization:ActionAuthenticatorMixin": ("d5d4b7c6c23b", "switches enforcement with its counter"),
    "moto.core.exceptions:AccessDeniedError": ("eca26389d893", "replaces its text"),
    "moto.iam.access_control:IAMRequestBase.check_action_permitted": ("c4cad2131aee", "replaces it"),
    "moto.iam.access_control:IAMRequestBase.__init__": (
        "b606a83700ae",
        "reads action, service, headers and access key from it",
    ),
    "moto.iam.access_control:create_access_key": ("2f59dd409cd7", "gets the caller of PassRole from it"),
    "moto.iam.access_control:IAMPolicy.__init__": ("1af3974f4f24", "parses policies with it"),
    "moto.moto_api._internal.models:MotoAPIBackend.reset": ("b0bd0f1d8f56", "clears the mock's state after it"),
    "moto.moto_api._internal.models:MotoAPIBackend.set_config": ("39bc5c931cd0", "restores the configuration with it"),
    "moto.moto_api._internal.recorder.models:Recorder.stop_recording": ("8b205faffa3b", "ends a recording with it"),
    "moto.moto_api._internal.state_manager:StateManager": ("dedfe8b75393", "removes its transitions"),
    "moto.moto_server.werkzeug_app:DomainDispatcherApplication.__call__": (
        "7b12179deced",
        "wraps it, to record calls and to add its own",
    ),
    "moto.sagemaker.models:FakeTrainingJob": ("6502c73e1ea1", "changes its fields"),
    "moto.sagemaker.models:FakeEndpoint": ("0212c33efc88", "changes its fields"),
    "moto.sagemaker.models:FakeEndpointConfig": ("7900aaa49abe", "disables its list of instance types"),
    "moto.sagemaker.models:Model": ("8c022e1f5861", "reads container and role"),
    "moto.sagemaker.models:SageMakerModelBackend.create_training_job": (
        "28e33b84f7b4",
        "validates before it",
    ),
    "moto.sagemaker.models:SageMakerModelBackend.create_model": ("65dbd42f10d0", "validates before it"),
    "moto.sagemaker.models:SageMakerModelBackend.create_endpoint_config": (
        "87a71038bb39",
        "validates before it",
    ),
    "moto.sagemaker.models:SageMakerModelBackend.create_endpoint": ("547454899915", "validates before it"),
    "moto.sagemaker.models:SageMakerModelBackend.validate_production_variants": (
        "5d532614c477",
        "replaces it to raise AWS's error",
    ),
    "moto.sagemaker.responses:SageMakerResponse.create_training_job": ("10db6d601d79", "checks PassRole before it"),
    "moto.sagemaker.responses:SageMakerResponse.create_model": ("dc3d27d42606", "checks PassRole before it"),
    "moto.sagemakerruntime.responses:SageMakerRuntimeResponse": ("6ae5bb12f370", "replaces invoke_endpoint"),
    "moto.s3.models:S3Backend.put_object": ("db803f2da9d7", "writes artefacts with it"),
    "moto.s3.models:FakeKey": ("38cbad7c55b9", "reads the contents of objects"),
    "moto.s3.responses:S3Response._set_action": ("51dddb5c8bbf", "reads S3's actions from it"),
    "moto.logs.models:LogsBackend.put_log_events": ("9413dbc08c42", "writes a job's log with it"),
}
"""Name -> (start of its source's SHA-256, what the AWS mock does with it)."""


def compute_fingerprint(name: str) -> str:
    module, _, path = name.partition(":")
    thing = reduce(getattr, path.split("."), importlib.import_module(module))
    if isinstance(thing, property):
        thing = thing.fget
    return hashlib.sha256(inspect.getsource(thing).encode()).hexdigest()[:12]


@pytest.mark.parametrize("name", list(DEPENDENCIES))
def test_motos_code_is_unchanged(name: str) -> None:
    known, use = DEPENDENCIES[name]
    assert compute_fingerprint(name) == known, f"{name} has changed in moto {moto.__version__}; the AWS mock {use}"


def test_the_installed_and_locked_versions_match_this_table() -> None:

    lock = Path(__file__).parents[2] / "harness" / "images" / "recipes" / "moto" / "requirements.txt"
    assert moto.__version__ == VERSION
    assert f"\nmoto=={VERSION} " in lock.read_text()
