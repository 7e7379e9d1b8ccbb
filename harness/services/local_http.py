"""HTTP to services on this machine: past any proxy that its environment names."""

from __future__ import annotations

import requests


def _session() -> requests.Session:
    """Looks at no variable and no file: HTTP_PROXY without a NO_PROXY would send it astray."""
    session = requests.Session()
    session.trust_env = False
    # A connection kept for the next call may be dead by then, if its container is.
    session.headers["Connection"] = "close"
    return session


LOCAL = _session()
