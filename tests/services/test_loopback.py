"""Other machines, and other containers, can't reach what the harness starts."""

from __future__ import annotations

import pytest

from harness.engine import LABEL_ROLE, LABEL_SESSION, LABEL_STACK, connect
from harness.services.containers import list_labelled
from harness.services.reaper import reaper_session
from harness.services.stack import Stack

pytestmark = pytest.mark.engine


def test_every_published_port_is_on_loopback_and_random(harness_stack: Stack) -> None:
    client = connect()
    groups = (
        {LABEL_STACK: harness_stack.stack_id},
        {LABEL_SESSION: harness_stack.session_id, LABEL_ROLE: "postgres"},
        {LABEL_SESSION: f"{harness_stack.session_id}-reaper"},
    )
    ours = [client.containers.get(container.id) for group in groups for container in list_labelled(client, group)]
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
    bindings = [entry for bound in published.values() for entry in bound]
    assert {address for _, address, _ in bindings} == {"127.0.0.1"}
    assert all(host_port != int(port.split("/")[0]) for port, _, host_port in bindings)


def test_the_reaper_is_alone_on_its_network(harness_stack: Stack) -> None:
    """It removes what any client that reaches it asks for."""
    client = connect()
    (listed,) = list_labelled(client, {LABEL_SESSION: reaper_session(harness_stack.session_id)})
    (name,) = listed.attrs["NetworkSettings"]["Networks"]
    network = client.networks.get(name)
    assert name != "bridge"
    assert list(network.attrs["Containers"]) == [listed.id]
    assert network.attrs["Labels"][LABEL_SESSION] == reaper_session(harness_stack.session_id)


def test_minio_does_not_look_up_its_update_server(harness_stack: Stack) -> None:
    (minio,) = list_labelled(connect(), {LABEL_STACK: harness_stack.stack_id, LABEL_ROLE: "minio"})
    assert "MINIO_UPDATE=off" in connect().containers.get(minio.id).attrs["Config"]["Env"]
