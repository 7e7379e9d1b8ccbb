"""Row 5's other side: the same services by `docker compose up --wait`, where a compose that has --wait is installed.

The compose file is written from a stack of ours as it runs, so both start the same images with the same commands,
variables, folders in memory, volumes and ports on loopback. What compose has no part in is left out: the reaper, and
what makes the services clean (buckets, databases). It waits for health checks inside the containers.
"""

from __future__ import annotations

import json
import shutil
import subprocess
import time
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import docker

from benchmarks.figures import BenchmarkError
from harness.engine import LABEL_FLEET, LABEL_ROLE

INTERVAL = "250ms"
"""Between two health checks: shorter ones take the services more of the machine than they gain, longer ones wait."""
HEALTHY = {
    "minio": [
        "bash",
        "-c",
        r"exec 3<>/dev/tcp/127.0.0.1/9000 && "
        r"printf 'GET /minio/health/ready HTTP/1.0\r\n\r\n' >&3 && grep -q '200 OK' <&3",
    ],
    "postgres": ["pg_isready", "-q", "-h", "127.0.0.1", "-U", "postgres"],
    "aws": ["python3", "-c", "import urllib.request as r; r.urlopen('http://127.0.0.1:5000/twin/')"],
    "labeller": ["test", "-S", "/relay/docker.sock"],
    "relay": ["socat", "-u", "/dev/null", "tcp:127.0.0.1:2375"],
}


def installed() -> list[str] | None:
    """The command of an installed compose that can wait."""
    for command in (["docker", "compose"], ["docker-compose"]):
        if shutil.which(command[0]):
            done = subprocess.run([*command, "up", "--help"], capture_output=True, text=True, check=False)
            if done.returncode == 0 and "--wait" in done.stdout:
                return command
    return None


def version(command: Sequence[str]) -> str:
    return f"compose {_run([*command, 'version', '--short']).strip()}"


def described(client: docker.DockerClient, fleet_id: str) -> dict[str, Any]:
    """A compose file, as data, of the services that a fleet runs with one stack."""
    running = client.containers.list(filters={"label": f"{LABEL_FLEET}={fleet_id}"})
    containers = {container.labels[LABEL_ROLE]: container.attrs for container in running}
    services = {role: _service(containers[role], HEALTHY[role]) for role in HEALTHY}
    volumes = [volume for service in services.values() for volume in service["volumes"] if volume["type"] == "volume"]
    return {"services": services, "volumes": {volume["source"]: {} for volume in volumes}}


def _service(attrs: Mapping[str, Any], healthy: Sequence[str]) -> dict[str, Any]:
    config, host = attrs["Config"], attrs["HostConfig"]
    service: dict[str, Any] = {
        "image": config["Image"],
        "entrypoint": _literal(config["Entrypoint"]),
        "command": _literal(config["Cmd"]),
        "environment": _literal(config["Env"]),
        "tmpfs": list(host["Tmpfs"] or ()),
        "ports": [f"127.0.0.1::{port}" for port in host["PortBindings"] or ()],
        "volumes": [
            {"type": mount["Type"], "source": mount.get("Name") or mount["Source"], "target": mount["Destination"]}
            for mount in attrs["Mounts"]
            if mount["Type"] != "tmpfs"
        ],
        "healthcheck": {"test": ["CMD", *healthy], "interval": INTERVAL, "timeout": "5s", "retries": 200},
    }
    if host["NetworkMode"] == "none":
        service["network_mode"] = "none"
    return service


def _literal(words: Sequence[str] | None) -> list[str] | None:
    """`words` as compose gives them to the engine, which puts variables in place of what has a dollar."""
    return None if words is None else [word.replace("$", "$$") for word in words]


def seconds_until_healthy(command: Sequence[str], file: Path, project: str) -> float:
    """What `up --wait` of a compose file takes; it is taken down again. Raises BenchmarkError."""
    whole = [*command, "-f", str(file), "-p", project]
    try:
        began = time.monotonic()
        _run([*whole, "up", "--wait", "--pull", "never"])
        return time.monotonic() - began
    finally:
        _run([*whole, "down", "--volumes", "--timeout", "0"])


def _run(command: Sequence[str]) -> str:
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    if done.returncode != 0:
        raise BenchmarkError(f"{' '.join(command)} ended with {done.returncode}: {done.stderr.strip()[-500:]}")
    return done.stdout


def write(described: Mapping[str, Any], file: Path) -> None:
    """JSON is YAML too."""
    file.write_text(json.dumps(described, indent=1))
