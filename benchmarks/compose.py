"""The baseline of row 5: the same services by `docker compose up --wait`, if installed.

The compose file is generated from a running stack, so both start the same images with the same commands, variables,
tmpfs mounts, volumes and ports on loopback. Compose has no reaper and creates no buckets or databases. It waits for
health checks inside the containers. These checks are fast: each starts early and waits in a loop for its condition.
"""

from __future__ import annotations

import shutil
import subprocess
import time
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import docker
from tenacity import retry, stop_after_delay, wait_fixed

from benchmarks.figures import BenchmarkError
from harness.engine import LABEL_ROLE, LABEL_SESSION, connect
from harness.services.containers import LOOPBACK

HEALTHY = {
    "minio": r"""bash -c 'exec 3<>/dev/tcp/127.0.0.1/9000 && printf "GET /minio/health/ready HTTP/1.0\r\n"""
    r"""Host: minio\r\n\r\n" >&3 && grep -q "200 OK" <&3'""",
    "postgres": "pg_isready -q -h 127.0.0.1 -U postgres",
    "aws": """python3 -c 'import urllib.request as r; r.urlopen("http://127.0.0.1:5000/mock/")'""",
    "labelling-proxy": "test -S /relay/docker.sock",
    "relay": "socat -u /dev/null tcp:127.0.0.1:2375",
}
"""Role -> health check, a shell command in the container."""
ONCE = "test -e /tmp/healthy && exec sleep 60; until {check}; do sleep 0.05; done; touch /tmp/healthy"
"""Docker 20.10 crashes if a health check starts while its container is being killed. So after the first success only
one more check runs, which sleeps."""
TIMEOUT = 120.0
CHECKED = {"interval": "50ms", "timeout": "60s", "retries": 1}


def find_command() -> list[str] | None:
    """Return the command of an installed compose with --wait, or None."""
    for command in (["docker", "compose"], ["docker-compose"]):
        if shutil.which(command[0]):
            result = subprocess.run([*command, "up", "--help"], capture_output=True, text=True, check=False)
            if result.returncode == 0 and "--wait" in result.stdout:
                return command
    return None


def format_version(command: Sequence[str]) -> str:
    return f"compose {_run([*command, 'version', '--short']).strip()}"


def describe_services(client: docker.DockerClient, session_id: str) -> dict[str, Any]:
    """Return a compose file, as data for JSON, of the services of a session with one stack."""
    running = client.containers.list(filters={"label": f"{LABEL_SESSION}={session_id}"})
    containers = {container.labels[LABEL_ROLE]: container.attrs for container in running}
    services = {role: _service(containers[role], HEALTHY[role]) for role in HEALTHY}
    volumes = [volume for service in services.values() for volume in service["volumes"] if volume["type"] == "volume"]
    return {"services": services, "volumes": {volume["source"]: {} for volume in volumes}}


def _service(attrs: Mapping[str, Any], check: str) -> dict[str, Any]:
    config, host = attrs["Config"], attrs["HostConfig"]
    service: dict[str, Any] = {
        "image": config["Image"],
        "entrypoint": _literals(config["Entrypoint"]),
        "command": _literals(config["Cmd"]),
        "environment": _literals(config["Env"]),
        "tmpfs": list(host.get("Tmpfs") or ()),
        "ports": [f"{LOOPBACK}::{port}" for port in host.get("PortBindings") or ()],
        "volumes": [
            {"type": mount["Type"], "source": mount.get("Name") or mount["Source"], "target": mount["Destination"]}
            for mount in attrs["Mounts"]
            if mount["Type"] != "tmpfs"
        ],
        "healthcheck": {"test": ["CMD-SHELL", _literal(ONCE.format(check=check))], **CHECKED},
    }
    if host["NetworkMode"] == "none":
        service["network_mode"] = "none"
    return service


def _literals(words: Sequence[str] | None) -> list[str] | None:
    return None if words is None else [_literal(word) for word in words]


def _literal(word: str) -> str:
    """Escape dollars, because compose replaces variables."""
    return word.replace("$", "$$")


def seconds_until_healthy(command: Sequence[str], file: Path, project: str) -> float:
    """Measure `up --wait` of a compose file in seconds, then take it down.

    Raises BenchmarkError.
    """
    whole = [*command, "-f", str(file), "-p", project]
    try:
        began = time.monotonic()
        _run([*whole, "up", "--wait", "--pull", "never"])
        seconds = time.monotonic() - began
        _await_lasting_checks(project)
        return seconds
    finally:
        _run([*whole, "down", "--volumes", "--timeout", "0"])


@retry(stop=stop_after_delay(30), wait=wait_fixed(0.1), reraise=True)
def _await_lasting_checks(project: str) -> None:
    running = connect().containers.list(filters={"label": f"com.docker.compose.project={project}"})
    if not all(container.attrs["ExecIDs"] for container in running):
        raise BenchmarkError("the sleeping health check of a service has not started")


def _run(command: Sequence[str]) -> str:
    try:
        result = subprocess.run(command, capture_output=True, text=True, timeout=TIMEOUT, check=False)
    except subprocess.TimeoutExpired as error:
        raise BenchmarkError(f"{' '.join(command)} did not end within {TIMEOUT:g} s") from error
    if result.returncode != 0:
        raise BenchmarkError(f"{' '.join(command)} ended with {result.returncode}: {result.stderr.strip()[-500:]}")
    return result.stdout
