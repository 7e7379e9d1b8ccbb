"""What a run sees of this machine."""

from __future__ import annotations

import os
import sys
from pathlib import Path

import pytest

from harness.airflow.environments import describe
from harness.airflow.run_environment import run_environment

PYTHON = Path(sys.executable)
URL = "postgresql://user:word@127.0.0.1:9/name"


def get_environment(home: Path, **extra: str) -> dict[str, str]:
    return run_environment(describe(PYTHON), home, home, URL, {}, extra)


def test_the_base_interpreter_is_in_the_path(tmp_path: Path) -> None:
    """A task that names a Python version finds it where the virtual environment was created from."""
    folders = get_environment(tmp_path)["PATH"].split(os.pathsep)
    assert folders[:2] == list(dict.fromkeys([str(PYTHON.parent), f"{sys.base_prefix}/bin"]))
    assert folders[-1] == "/bin"
    assert len(set(folders)) == len(folders)


def test_certificates_and_indexes_pass(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    given = {
        "SSL_CERT_FILE": "/etc/own.pem",
        "REQUESTS_CA_BUNDLE": "/etc/own.pem",
        "PIP_INDEX_URL": "https://index.example/simple",
        "UV_INDEX": "own=https://index.example/a https://index.example/b",
    }
    for name, value in given.items():
        monkeypatch.setenv(name, value)

    assert get_environment(tmp_path).items() >= given.items()
    assert get_environment(tmp_path, SSL_CERT_FILE="/own")["SSL_CERT_FILE"] == "/own", "a declared variable wins"


def test_credentials_do_not_pass(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    secrets = {
        "PIP_INDEX_URL": "https://me:secret@index.example/simple",
        "PIP_EXTRA_INDEX_URL": "https://index.example/a\nhttps://secret@index.example/b",
        "UV_DEFAULT_INDEX": "own=https://me:secret@index.example/simple",
        "UV_INDEX_OWN_PASSWORD": "secret",
        "AWS_CA_BUNDLE": "secret",
        "HTTPS_PROXY": "http://me:secret@127.0.0.1:3128",
    }
    for name, value in secrets.items():
        monkeypatch.setenv(name, value)

    assert not secrets.keys() & get_environment(tmp_path).keys()
