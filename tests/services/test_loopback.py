"""Nothing that the harness publishes can be reached from another machine."""

from __future__ import annotations

import pytest

from harness.engine import LABEL_ROLE, LABEL_SESSION, LABEL_STACK, connect
from harness.services.containers import labelled
from harness.services.stack import Stack

pytestmark = pytest.mark.engine


def test_every_published_port_is_on_loopback_and_random(harness_stack: Stack) -> None:
    client = connect()
    groups = (
        {LABEL_STACK: harness_stack.stack_id},
        {LABEL_SESSION: harness_stack.session_id, LABEL_ROLE: "postgres"},
        {LABEL_SESSION: f"{harness_stack.session_id}-reaper"},
    )
    ours = [client.containers.get(container.id) for group in groups for container in labelled(client, group)]
    published = {
        container.labels[LABEL_ROLE]: [
            (port, binding["HostIp"], int(binding["HostPort"]))
            for port, bindings in container.ports.items()
            for binding in bindings or ()
        ]
        for container in ours
    }

    assert {role: sorted(port for port, _, _ in bound) for role, bound in published.items()} == {
        "minio": ["9000/tcp", "9001/tcp"],
        "postgres": ["5432/tcp"],
        "aws": ["5000/tcp"],
        "relay": ["2375/tcp"],
        "labelling-proxy": [],
        "reaper": ["8080/tcp"],
    }
    every = [entry for bound in published.values() for entry in bound]
    assert {address for _, address, _ in every} == {"127.0.0.1"}
    assert all(host_port != int(port.split("/")[0]) for port, _, host_port in every)
