"""Where packets go: a sniffer that shares a container's network, run in a container of its own by this text."""

from __future__ import annotations

import collections
import ipaddress
import json
import signal
import socket
import sys

OUTGOING = socket.PACKET_OUTGOING if sys.platform == "linux" else 4
EVERYTHING = 0x0003
IPV4, IPV6 = 0x0800, 0x86DD


def sniff() -> None:
    """Counts outgoing packets by destination until SIGTERM, then prints them as one line of JSON."""
    found: collections.Counter[str] = collections.Counter()

    def told(*_: object) -> None:
        sys.stdout.write(json.dumps(found) + "\n")
        sys.stdout.flush()
        raise SystemExit

    signal.signal(signal.SIGTERM, told)
    tap = socket.socket(socket.AF_PACKET, socket.SOCK_DGRAM, socket.htons(EVERYTHING))
    sys.stdout.write("sniffing\n")
    sys.stdout.flush()
    while True:
        packet, (_, protocol, kind, *_rest) = tap.recvfrom(65535)
        if kind == OUTGOING and protocol == IPV4:
            found[socket.inet_ntop(socket.AF_INET, packet[16:20])] += 1
        elif kind == OUTGOING and protocol == IPV6:
            found[socket.inet_ntop(socket.AF_INET6, packet[24:40])] += 1


def beyond(counts: dict[str, int], local: list[str]) -> dict[str, int]:
    """The destinations that lie neither in the machine itself nor in one of the `local` networks.

    Instance metadata has an IPv4 address of the link-local kind, so only IPv6's own housekeeping there is let pass.
    """
    networks = [ipaddress.ip_network(network, strict=False) for network in local]

    def is_local(text: str) -> bool:
        address = ipaddress.ip_address(text)
        housekeeping = address.version == 6 and (address.is_link_local or address.is_multicast)
        inside = any(address.version == network.version and address in network for network in networks)
        return address.is_loopback or housekeeping or inside

    return {address: count for address, count in counts.items() if not is_local(address)}


if __name__ == "__main__":
    sniff()
