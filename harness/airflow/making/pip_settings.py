"""Translate pip's settings on this machine for uv.

uv does not read pip's files and variables.
"""

from __future__ import annotations

import ast
from collections.abc import Callable, Mapping

SECTIONS = ("global", "install", ":env:")
"""Later sections win, as in pip."""
ALWAYS = {"UV_PYTHON_DOWNLOADS": "never", "UV_NATIVE_TLS": "1", "UV_SYSTEM_CERTS": "1"}
"""Use the system's certificates, as pip does, and download no interpreter."""


def parse(config: str) -> dict[str, str]:
    """Return pip's settings by key from the output of `pip config list`.

    A line of the output is `global.index-url='...'`.
    """
    found: dict[str, dict[str, str]] = {section: {} for section in SECTIONS}
    for line in config.splitlines():
        name, is_setting, value = line.partition("=")
        section, _, key = name.rpartition(".")
        if is_setting and section in found:
            found[section][key] = str(ast.literal_eval(value))
    return {key: value for section in SECTIONS for key, value in found[section].items()}


def _spaced(value: str) -> str:
    return " ".join(value.split())


def _commas(value: str) -> str:
    return ",".join(value.split())


def _flag(value: str) -> str:
    return "1" if value.strip().lower() in ("1", "true", "yes", "y", "t", "on") else ""


def _prerelease(value: str) -> str:
    return "allow" if _flag(value) else ""


def _keyring(value: str) -> str:
    # uv supports only `subprocess`; pip's `auto`, `import` and `subprocess` use the same keyring.
    return "" if value == "disabled" else "subprocess"


Translation = tuple[tuple[str, ...], Callable[[str], str]]
TABLE: dict[str, Translation] = {
    "index-url": (("UV_DEFAULT_INDEX",), str),
    "extra-index-url": (("UV_INDEX",), _spaced),
    "find-links": (("UV_FIND_LINKS",), _commas),
    "trusted-host": (("UV_INSECURE_HOST",), _spaced),
    "cert": (("SSL_CERT_FILE",), str),
    "client-cert": (("SSL_CLIENT_CERT",), str),
    "proxy": (("ALL_PROXY", "HTTP_PROXY", "HTTPS_PROXY"), str),
    "default-timeout": (("UV_HTTP_TIMEOUT",), str),
    "timeout": (("UV_HTTP_TIMEOUT",), str),
    "retries": (("UV_HTTP_RETRIES",), str),
    "no-index": (("UV_NO_INDEX",), _flag),
    "pre": (("UV_PRERELEASE",), _prerelease),
    "constraint": (("UV_CONSTRAINT",), _spaced),
    "keyring-provider": (("UV_KEYRING_PROVIDER",), _keyring),
}
"""uv's variables for each of pip's keys, with the conversion of the value."""


def uv_environment(config: str, env: Mapping[str, str]) -> dict[str, str]:
    """Return `env` with pip's settings added for uv. UV_ variables in `env` take precedence."""
    pip = parse(config)
    if certificates := env.get("REQUESTS_CA_BUNDLE") or env.get("CURL_CA_BUNDLE"):
        pip.setdefault("cert", certificates)
    added = dict(ALWAYS)
    if "extra-index-url" in pip:
        # pip uses the best version of all indexes; uv by default uses the first index that has the package.
        added["UV_INDEX_STRATEGY"] = "unsafe-best-match"
    for key, (variables, written) in TABLE.items():
        if value := written(pip.get(key, "")) if key in pip else "":
            added.update(dict.fromkeys(variables, value))
    own = {name: value for name, value in env.items() if name.startswith("UV_")}
    return {**env, **added, **own}
