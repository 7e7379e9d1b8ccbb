"""Variables of this machine by which pip and uv reach their package index in a run.

`@task.virtualenv` and PythonVirtualenvOperator install packages while a run executes. Certificates and addresses pass;
an address with a user or a password in it does not, because a run sees no credentials of the user.
"""

from __future__ import annotations

import re
from collections.abc import Mapping

CERTIFICATES = ("SSL_CERT_FILE", "SSL_CERT_DIR", "REQUESTS_CA_BUNDLE", "CURL_CA_BUNDLE", "PIP_CERT")
INDEXES = (
    *("PIP_INDEX_URL", "PIP_EXTRA_INDEX_URL", "PIP_FIND_LINKS", "PIP_NO_INDEX", "PIP_TRUSTED_HOST"),
    *("UV_DEFAULT_INDEX", "UV_INDEX", "UV_INDEX_URL", "UV_EXTRA_INDEX_URL", "UV_FIND_LINKS", "UV_NO_INDEX"),
    *("UV_INSECURE_HOST", "UV_NATIVE_TLS", "UV_SYSTEM_CERTS"),
)
CREDENTIALS = re.compile(r"//[^/\s]*@")


def select_installer_variables(environ: Mapping[str, str]) -> dict[str, str]:
    """Return variables of `environ` for certificates and indexes, but none with credentials."""
    names = (name for name in (*CERTIFICATES, *INDEXES) if name in environ)
    return {name: environ[name] for name in names if not CREDENTIALS.search(environ[name])}
