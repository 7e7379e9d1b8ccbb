"""The package to install for a module that Airflow's environment lacks."""

from __future__ import annotations

import re

NAMESPACES = ("apache", "atlassian", "cncf", "common", "dbt", "microsoft")
"""Folders of airflow.providers that hold several providers."""
PACKAGES = {
    "airflow_dbt": "airflow-dbt",
    "astro": "astro-sdk-python",
    "bs4": "beautifulsoup4",
    "cosmos": "astronomer-cosmos",
    "cv2": "opencv-python-headless",
    "dagfactory": "dag-factory",
    "dotenv": "python-dotenv",
    "great_expectations_provider": "airflow-provider-great-expectations",
    "jose": "python-jose",
    "jwt": "pyjwt",
    "kubernetes": "apache-airflow-providers-cncf-kubernetes",
    "MySQLdb": "mysqlclient",
    "PIL": "pillow",
    "psycopg2": "psycopg2-binary",
    "pyhive": "pyhive",
    "serial": "pyserial",
    "sklearn": "scikit-learn",
    "snowflake": "snowflake-connector-python",
    "telegram": "python-telegram-bot",
    "yaml": "pyyaml",
}
"""Module -> its package, if the names differ or the package is a provider for Airflow."""
NEW_IN_PYTHON = {
    "tomllib": "3.11",
    "asyncio.TaskGroup": "3.11",
    "datetime.UTC": "3.11",
    "enum.StrEnum": "3.11",
    "typing.LiteralString": "3.11",
    "typing.NotRequired": "3.11",
    "typing.Self": "3.11",
    "typing.assert_never": "3.11",
    "itertools.batched": "3.12",
    "typing.TypeAliasType": "3.12",
    "typing.override": "3.12",
    "copy.replace": "3.13",
    "warnings.deprecated": "3.13",
}
"""Modules and names of the standard library that DAG files import -> the Python that added them."""
MISSING_MODULE = re.compile(r"ModuleNotFoundError: No module named '([\w.]+)'")
MISSING_NAME = re.compile(r"ImportError: cannot import name '(\w+)' from '([\w.]+)'")


def find_provider_package(name: str) -> str | None:
    """Return the provider's package of a qualified name, or None.

    An example of such a name is `airflow.providers.http.operators.http`.
    """
    match = re.search(r"airflow\.providers\.([a-z_]+)\.?([a-z_]*)", name)
    if match is None:
        return None
    parts = match.groups() if match[1] in NAMESPACES else match.groups()[:1]
    return "apache-airflow-providers-" + "-".join(filter(None, parts)).replace("_", "-")


def explain_error(error: str) -> tuple[str, str] | None:
    """Explain the last line of a broken file's traceback.

    Return reason and advice if another Python or package is needed, else None.
    """
    module, name = MISSING_MODULE.search(error), MISSING_NAME.search(error)
    imported = module[1] if module else f"{name[2]}.{name[1]}" if name else ""
    if newer := NEW_IN_PYTHON.get(imported):
        return f"{imported} needs Python {newer}", advise_python(newer)
    root = imported.split(".")[0]
    if not module or root == "airflow":
        return None
    install = f"install {PACKAGES[root]}" if root in PACKAGES else "install its package"
    own = "" if root in PACKAGES else ", or set pythonpath in [tool.harness] if the module is the project's"
    return f"No module named '{imported}'", f"{install} in Airflow's environment{own}"


def advise_python(version: str) -> str:
    """Return what to do about a file that needs this version of Python."""
    return f"use an Airflow environment with Python {version} or newer"
