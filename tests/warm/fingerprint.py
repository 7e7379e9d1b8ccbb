"""Print, as JSON, a fingerprint of each private name that harness/airflow/inside/internals.py relies on.

Run with an Airflow environment's Python: `PYTHON tests/warm/fingerprint.py`. The fingerprint of a function is a hash of
its source without docstring and comments, of any other object its type, of a missing name null.
"""

from __future__ import annotations

import ast
import hashlib
import importlib
import inspect
import json
import os
import sys
import tempfile
import textwrap
from typing import Any

# Name -> the function in internals.py that relies on it.
NAMES = {
    "airflow.utils.db:reflect_tables": "remember_log_templates",
    "airflow.utils.db:synchronize_log_template": "remember_log_templates",
    "airflow.plugins_manager:loaded_plugins": "save_plugin_state",
    "airflow.plugins_manager:plugins": "save_plugin_state",
    "airflow.plugins_manager:_get_plugins": "save_plugin_state",
    "airflow.listeners.listener:_listener_manager": "save_plugin_state",
    "airflow.listeners.listener:get_listener_manager": "save_plugin_state",
    "airflow.lineage.hook:get_hook_lineage_collector": "save_plugin_state",
    "airflow.sdk.plugins_manager:_get_plugins": "save_plugin_state",
    "airflow.sdk.listener:get_listener_manager": "save_plugin_state",
    "airflow.sdk.lineage:get_hook_lineage_collector": "save_plugin_state",
    "airflow.sdk.execution_time.supervisor:in_process_api_server": "end_threads",
    "airflow.api_fastapi.execution_api.app:InProcessExecutionAPI.transport": "end_threads",
    "airflow.settings:engine": "end_threads",
    "airflow.settings:async_engine": "end_threads",
    "airflow.settings:Session": "end_threads",
    "airflow.settings:DAGS_FOLDER": "find_dags_folder_holders",
    "airflow.settings:configure_vars": "load_run_settings",
    "airflow.settings:prepare_syspath": "load_run_settings",
    "airflow.settings:prepare_syspath_for_config_and_plugins": "load_run_settings",
    "airflow.settings:prepare_syspath_for_dags_folder": "load_run_settings",
    "airflow.configuration:AirflowConfigParser.mask_secrets": "load_run_settings",
    "airflow.cli.cli_config:ARG_SUBDIR": "keep_dags_folder_out_of_parser",
    "airflow.utils.cli:process_subdir": "keep_dags_folder_out_of_parser",
    "warnings:_showwarnmsg": "record_warnings",
    "threading:_shutdown": "end_interpreter",
    "atexit:_run_exitfuncs": "end_interpreter",
}


def main() -> None:
    with tempfile.TemporaryDirectory() as home:
        os.environ.update(AIRFLOW_HOME=home, AIRFLOW__CORE__LOAD_EXAMPLES="False")
        os.environ["AIRFLOW__DATABASE__SQL_ALCHEMY_CONN"] = "postgresql+psycopg2:///?service=run"
        found = {name: fingerprint(name) for name in NAMES}
    print(json.dumps(found))
    sys.stdout.flush()
    os._exit(0)


def fingerprint(name: str) -> str | None:
    module, _, path = name.partition(":")
    try:
        thing: Any = importlib.import_module(module)
        for part in path.split("."):
            thing = inspect.getattr_static(thing, part)
    except (ImportError, AttributeError):
        return None
    if isinstance(thing, (classmethod, staticmethod)):
        thing = thing.__func__
    function = getattr(thing, "func", None) or getattr(thing, "fget", None) or inspect.unwrap(thing)
    if module.startswith("airflow") and inspect.isfunction(function):
        return hashlib.sha256(code_of(function).encode()).hexdigest()[:12]
    return type(thing).__name__


def code_of(function: Any) -> str:
    tree = ast.parse(textwrap.dedent(inspect.getsource(function)))
    body = getattr(tree.body[0], "body", [])
    if body and isinstance(body[0], ast.Expr) and isinstance(body[0].value, ast.Constant):
        del body[0]
    return ast.dump(tree)


if __name__ == "__main__":
    main()
