"""pip's settings are translated for uv."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

from harness.airflow.making.pip_settings import ALWAYS, parse, uv_environment


@pytest.mark.parametrize(
    ("config", "variables"),
    [
        ("global.index-url='https://a.example/simple'", {"UV_DEFAULT_INDEX": "https://a.example/simple"}),
        (
            "global.extra-index-url='https://a.example/1\\nhttps://a.example/2'",
            {"UV_INDEX": "https://a.example/1 https://a.example/2", "UV_INDEX_STRATEGY": "unsafe-best-match"},
        ),
        ("global.find-links='\\n/wheels\\n/more'", {"UV_FIND_LINKS": "/wheels,/more"}),
        ("install.trusted-host='a.example\\nb.example'", {"UV_INSECURE_HOST": "a.example b.example"}),
        (":env:.cert='/ca.pem'", {"SSL_CERT_FILE": "/ca.pem"}),
        ("global.client-cert='/me.pem'", {"SSL_CLIENT_CERT": "/me.pem"}),
        (
            "global.proxy='http://p.example:3128'",
            dict.fromkeys(("ALL_PROXY", "HTTP_PROXY", "HTTPS_PROXY"), "http://p.example:3128"),
        ),
        ("global.timeout='90'", {"UV_HTTP_TIMEOUT": "90"}),
        (":env:.default-timeout='180'", {"UV_HTTP_TIMEOUT": "180"}),
        ("global.retries='7'", {"UV_HTTP_RETRIES": "7"}),
        ("install.no-index='true'", {"UV_NO_INDEX": "1"}),
        ("install.no-index='false'", {}),
        ("global.pre='1'", {"UV_PRERELEASE": "allow"}),
        ("install.constraint='a.txt b.txt'", {"UV_CONSTRAINT": "a.txt b.txt"}),
        ("global.keyring-provider='import'", {"UV_KEYRING_PROVIDER": "subprocess"}),
        ("global.keyring-provider='disabled'", {}),
        ("list.format='columns'\nglobal.quiet='1'\n", {}),
    ],
)
def test_each_setting(config: str, variables: dict[str, str]) -> None:
    assert uv_environment(config, {}) == {**ALWAYS, **variables}


def test_no_python_is_downloaded_and_the_systems_certificates_are_trusted() -> None:
    assert uv_environment("", {"HOME": "/me"}) == {
        "HOME": "/me",
        "UV_PYTHON_DOWNLOADS": "never",
        "UV_NATIVE_TLS": "1",
        "UV_SYSTEM_CERTS": "1",
    }


def test_an_environment_variable_beats_the_install_section_which_beats_the_global_one() -> None:
    # pip lists settings in alphabetical order.
    config = ":env:.timeout='3'\nglobal.index-url='g'\nglobal.timeout='1'\ninstall.index-url='i'\ninstall.timeout='2'"
    assert parse(config) == {"index-url": "i", "timeout": "3"}


@pytest.mark.parametrize("name", ["REQUESTS_CA_BUNDLE", "CURL_CA_BUNDLE"])
def test_certificates_that_pip_takes_from_the_environment(name: str) -> None:
    assert uv_environment("", {name: "/ca.pem"})["SSL_CERT_FILE"] == "/ca.pem"
    assert uv_environment("global.cert='/pip.pem'", {name: "/ca.pem"})["SSL_CERT_FILE"] == "/pip.pem"


def test_uvs_own_variables_win() -> None:
    found = uv_environment("global.index-url='https://pip.example'", {"UV_DEFAULT_INDEX": "https://uv.example"})
    assert found["UV_DEFAULT_INDEX"] == "https://uv.example"


def test_a_real_pip(tmp_path: Path) -> None:
    (tmp_path / "pip.conf").write_text("[global]\nindex-url = https://a.example/simple\nextra-index-url =\n  b\n  c\n")
    env = {"PIP_CONFIG_FILE": str(tmp_path / "pip.conf"), "PIP_TRUSTED_HOST": "a.example", "HOME": str(tmp_path)}
    command = [sys.executable, "-m", "pip", "config", "list"]
    config = subprocess.run(command, env=env, capture_output=True, text=True, check=True).stdout
    found = parse(config)  # this machine's own settings are among them
    assert found["index-url"] == "https://a.example/simple"
    assert found["extra-index-url"].split() == ["b", "c"]
    assert found["trusted-host"] == "a.example"
