"""The environment of a run, built from nothing: a DAG sees no other variables."""

from __future__ import annotations

import os
import secrets
from base64 import urlsafe_b64encode
from collections.abc import Mapping
from pathlib import Path

from harness.airflow.environments import AirflowEnvironment
from harness.airflow.installers import select_installer_variables

# Nothing listens on this address: an AWS call without a configured endpoint fails here instead of reaching the cloud.
NOWHERE = "http://127.0.0.1:9"


def run_environment(
    airflow: AirflowEnvironment,
    home: Path,
    dags_folder: Path,
    metadata_url: str,
    connections: Mapping[str, str],
    extra: Mapping[str, str],
) -> dict[str, str]:
    """Return the variables of one `airflow` process.

    The folder of Airflow's interpreter comes first in PATH. `home` becomes HOME and AIRFLOW_HOME, with
    TMPDIR in it; `metadata_url` is a libpq URL; `connections` maps a connection id to its URI or JSON; `extra` wins
    over all others. No variable of this process remains but those of installers.py: no AWS_*, no proxies, no ~/.aws.
    """
    # A task may name the version of a Python that is installed beside the virtual environment, not in it.
    folders = (airflow.python.parent, airflow.base_prefix / "bin", "/usr/local/bin", "/usr/bin", "/bin")
    temporary = home / "tmp"
    temporary.mkdir(parents=True, exist_ok=True)
    nothing = str(home / "no-such-file")
    return {
        "PATH": os.pathsep.join(dict.fromkeys(map(str, folders))),
        "HOME": str(home),
        "TMPDIR": str(temporary),
        "LANG": "C.UTF-8",
        "TZ": "UTC",
        "PYTHONUNBUFFERED": "1",
        # A run that times out prints its Python stacks: see inside/supervisor.py.
        "PYTHONFAULTHANDLER": "1",
        "NO_PROXY": "*",
        "AIRFLOW_HOME": str(home),
        "AIRFLOW__CORE__DAGS_FOLDER": str(dags_folder),
        "AIRFLOW__CORE__LOAD_EXAMPLES": "False",
        "AIRFLOW__CORE__FERNET_KEY": fernet_key(),
        "AIRFLOW__API_AUTH__JWT_SECRET": secrets.token_hex(32),
        "AIRFLOW__DATABASE__SQL_ALCHEMY_CONN": metadata_url.replace("postgresql://", "postgresql+psycopg2://"),
        "AIRFLOW__DATABASE__LOAD_DEFAULT_CONNECTIONS": "False",
        # The database is a clone of the template, which this same Airflow migrated.
        "AIRFLOW__DATABASE__CHECK_MIGRATIONS": "False",
        "AIRFLOW__USAGE_DATA_COLLECTION__ENABLED": "False",
        "AWS_ACCESS_KEY_ID": "testing",
        "AWS_SECRET_ACCESS_KEY": "testing",
        "AWS_EC2_METADATA_DISABLED": "true",
        "AWS_CONFIG_FILE": nothing,
        "AWS_SHARED_CREDENTIALS_FILE": nothing,
        "AWS_ENDPOINT_URL": NOWHERE,
        "AWS_ENDPOINT_URL_S3": NOWHERE,
        **select_installer_variables(os.environ),
        **{f"AIRFLOW_CONN_{name.upper()}": value for name, value in connections.items()},
        **extra,
    }


def fernet_key() -> str:
    """Create a key with which Airflow encrypts the connections in its database."""
    return urlsafe_b64encode(secrets.token_bytes(32)).decode()
