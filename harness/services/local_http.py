"""HTTP to services on this machine, ignoring proxies of the environment."""

from __future__ import annotations

import requests


def _session() -> requests.Session:
    """Create a session that ignores variables such as HTTP_PROXY, and files."""
    session = requests.Session()
    session.trust_env = False
    # A kept connection would fail after its container is replaced.
    session.headers["Connection"] = "close"
    return session


LOCAL = _session()
