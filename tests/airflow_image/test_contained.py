"""The program that runs a command in a container of an Airflow image."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from harness.airflow.environments import INSIDE
from harness.airflow.inside.contained import combine_variables, link_missing
from harness.airflow.runners.image import CONTRACT, TURNED_OFF, create_runner


def start(folder: Path, code: str, **more: str) -> subprocess.Popen[str]:
    (folder / "home").mkdir()
    env = {"AIRFLOW_HOME": str(folder / "home"), "PYTHONFAULTHANDLER": "1", **more}
    request = {"command": [sys.executable, "-u", "-c", code], "env": env, "folder": str(folder), "dropped": ["AWS_"]}
    (folder / "request.json").write_text(json.dumps(request))
    return subprocess.Popen(
        [sys.executable, INSIDE, "contained", folder / "request.json"],
        env={"AIRFLOW_HOME": str(folder / "image"), "AWS_PROFILE": "production", "OF_THE_IMAGE": "yes"},
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
    )


def test_a_command_gets_its_variables_and_its_exit_code_is_returned(tmp_path: Path) -> None:
    code = """
import json, os
print(json.dumps([os.getcwd(), os.umask(0), dict(os.environ)]))
raise SystemExit(3)
"""
    process = start(tmp_path, code, OF_THE_RUN="yes")
    output, _ = process.communicate(timeout=60)
    assert process.returncode == 3, output
    folder, umask, env = json.loads(output)
    assert (folder, umask) == (str(tmp_path), 0o002)
    assert env["OF_THE_IMAGE"] == env["OF_THE_RUN"] == "yes"
    assert env["AIRFLOW_HOME"] == str(tmp_path / "home")
    assert "AWS_PROFILE" not in env


@pytest.mark.skipif(sys.platform != "linux", reason="the supervisor prints stacks on Linux")
def test_a_command_that_is_stopped_prints_its_stacks(tmp_path: Path) -> None:
    process = start(tmp_path, "import time\ndef hang(): print('begun'), time.sleep(600)\nhang()")
    assert process.stdout
    assert process.stdout.readline() == "begun\n"
    process.send_signal(signal.SIGTERM)
    output, _ = process.communicate(timeout=60)
    assert process.returncode == 128 + signal.SIGTERM
    assert "stacks of process" in output
    assert "in hang" in output


def test_variables_of_a_run_come_before_those_of_the_image() -> None:
    image = {"PATH": "/image", "LANG": "C", "PYTHONPATH": "/opt/packages:", "AWS_SESSION_TOKEN": "a real one"}
    request: dict[str, Any] = {"env": {"LANG": "C.UTF-8", "PYTHONPATH": "/project"}, "dropped": ["AWS_"]}
    combined = combine_variables(image, request)
    assert combined.pop("PYTHONUSERBASE"), "the official image installs Airflow below its user's home"
    assert combined == {"PATH": "/image", "LANG": "C.UTF-8", "PYTHONPATH": f"/project{os.pathsep}/opt/packages"}
    assert combine_variables({**image, "PYTHONUSERBASE": "/own"}, request)["PYTHONUSERBASE"] == "/own"


def test_the_home_of_a_run_shows_what_the_image_has(tmp_path: Path) -> None:
    image, home = tmp_path / "image", tmp_path / "home"
    for folder in ("config", "plugins", "dags", "logs"):
        (image / folder).mkdir(parents=True)
    for file in ("airflow.cfg", "config/log_config.py", "config/settings.py", "plugins/p.py", "dags/baked.py"):
        (image / file).write_text("image")
    (home / "config").mkdir(parents=True)
    (home / "config" / "settings.py").write_text("project")

    link_missing(image, home)

    assert (home / "airflow.cfg").read_text() == (home / "plugins" / "p.py").read_text() == "image"
    assert (home / "config" / "log_config.py").read_text() == "image"
    assert (home / "config" / "settings.py").read_text() == "project"
    assert {entry.name for entry in home.iterdir()} == {"airflow.cfg", "config", "plugins"}
    link_missing(home, home)
    link_missing(tmp_path / "nothing", home)


def test_a_request_has_the_addresses_of_the_network_and_nothing_of_this_machine(tmp_path: Path) -> None:
    runner = replace(create_runner("any", tmp_path, {}), addresses={"127.0.0.1:32768": "locals3:9000"})
    env = {"PATH": "/usr/bin", "PIP_INDEX_URL": "https://index.example", "STORE": "http://127.0.0.1:32768"}
    request = runner.build_request(["python", "--conf", '{"to": "127.0.0.1:32768"}'], env, tmp_path)
    assert request["command"] == ["python", "--conf", '{"to": "locals3:9000"}']
    assert request["env"] == {**TURNED_OFF, "STORE": "http://locals3:9000"}
    declared = {"AIRFLOW__LOGGING__REMOTE_LOGGING": "True"}
    assert runner.build_request([], declared, tmp_path)["env"] == {**TURNED_OFF, **declared}
    assert {"AWS_", "GOOGLE_", "AIRFLOW_CONN_"} < set(request["dropped"])


def test_a_container_honours_the_contract_of_the_official_entrypoint(tmp_path: Path) -> None:
    """It passes `python` through, and changes or installs nothing only if these variables say so."""
    runner = create_runner("apache/airflow:3.3.2", tmp_path, {"label": "session"})
    assert runner.spec.command
    assert runner.spec.command[0] == "python"
    assert (runner.spec.entrypoint, runner.user, runner.spec.offline) == (None, None, True)
    assert runner.spec.env == CONTRACT
    assert CONTRACT["CONNECTION_CHECK_MAX_COUNT"] == "0"
    assert CONTRACT["_PIP_ADDITIONAL_REQUIREMENTS"] == ""
