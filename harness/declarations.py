"""Refuse declarations for Airflow that would break a run or lead it out of this machine."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping

from harness.errors import SettingsError

BUNDLES = "AIRFLOW__DAG_PROCESSOR__DAG_BUNDLE_CONFIG_LIST"
OWN_DATABASE = "each run has a metadata database of its own, so remove it"
OWN_VARIABLES = {
    "AIRFLOW_HOME": "each run has a home of its own, so remove it",
    "AIRFLOW__CORE__DAGS_FOLDER": "set dags_folder in [tool.harness] instead",
    BUNDLES: "a run reads one folder of DAGs, so remove it and set dags_folder in [tool.harness]",
    "AIRFLOW__DATABASE__SQL_ALCHEMY_CONN": OWN_DATABASE,
    "AIRFLOW__DATABASE__SQL_ALCHEMY_CONN_ASYNC": OWN_DATABASE,
    "AIRFLOW__USAGE_DATA_COLLECTION__ENABLED": "a run reports nothing to other hosts, so remove it",
}
"""Variables whose values the harness needs -> what to do instead of declaring them."""
PLUGINS = {"AIRFLOW__CORE__PLUGINS_FOLDER": "set plugins_folder in [tool.harness] instead"}

CLOUD = ("AWS_", "AZURE_", "ARM_", "BOTO_", "CLOUDSDK_", "GCE_", "GCLOUD_", "GCP_", "GOOGLE_", "KUBE", "DOCKER_")
"""Prefixes of variables that lead to accounts, clusters and engines outside the stack."""
SET_BY_HARNESS = ("AIRFLOW", "_AIRFLOW", "PYTHON")
"""Prefixes of variables that have settings of their own."""
ISOLATION = ("HOME", "PATH", "TMPDIR", "XDG_CONFIG_HOME")
"""A run has folders of its own, so that it finds no program or credentials of the user by accident."""


def config_variable(section: str, name: str) -> str:
    """Return the environment variable of an Airflow setting, as Airflow derives it."""
    return f"AIRFLOW__{section.replace('.', '_').upper()}__{name.upper()}"


def check_config(config: Mapping[str, Mapping[str, object]]) -> None:
    """Raise SettingsError for an Airflow setting that the harness needs."""
    for section, names in config.items():
        for name in names:
            if remedy := (OWN_VARIABLES | PLUGINS).get(config_variable(section, name)):
                raise SettingsError(
                    f"Airflow setting '{section}.{name}' in pyproject's [tool.harness.config]: {remedy}"
                )


def check_environment(environment: Iterable[str]) -> None:
    """Raise SettingsError for a variable of a run that the harness needs."""
    for name in environment:
        if remedy := OWN_VARIABLES.get(name):
            raise SettingsError(f"variable {name!r} in the environment of a run: {remedy}")


def check_variables(names: Iterable[str]) -> None:
    """Raise SettingsError for Airflow variables that differ in case only.

    Airflow reads a variable from AIRFLOW_VAR_NAME, which is in upper case.
    """
    twice = [name for name, count in Counter(map(str.upper, names)).items() if count > 1]
    if twice:
        raise SettingsError(
            f"Airflow variable {twice[0].lower()!r} in pyproject's [tool.harness.variables]: two names differ in case "
            "only, which Airflow ignores here; rename one of them"
        )


def check_pass_environment(names: Iterable[str]) -> None:
    """Raise SettingsError for a variable of this machine that a run must not have."""
    for name in names:
        why = None
        if name.startswith(CLOUD):
            why = "it may lead to a real account or engine, which no run may reach; declare a value for the run in"
        elif name.startswith(SET_BY_HARNESS) or name in ISOLATION or name.upper().endswith("_PROXY"):
            why = "each run has a value of its own; declare another one in"
        if why:
            raise SettingsError(f"pass_environment {name!r}: {why} [tool.harness.environment]")
