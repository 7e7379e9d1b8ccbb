"""A sniffer that counts the packets of a network.

Its container runs the source of this module.
"""

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
    """Count outgoing packets by destination until SIGTERM, then print the counts as JSON."""
    counts: collections.Counter[str] = collections.Counter()

    def print_counts(*_: object) -> None:
        sys.stdout.write(json.dumps(counts) + "\n")
        sys.stdout.flush()
        raise SystemExit

    signal.signal(signal.SIGTERM, print_counts)
    tap = socket.socket(socket.AF_PACKET, socket.SOCK_DGRAM, socket.htons(EVERYTHING))
    sys.stdout.write("sniffing\n")
    sys.stdout.flush()
    while True:
        packet, (_, protocol, kind, *_rest) = tap.recvfrom(65535)
        if kind == OUTGOING and protocol == IPV4:
            counts[socket.inet_ntop(socket.AF_INET, packet[16:20])] += 1
        elif kind == OUTGOING and protocol == IPV6:
            counts[socket.inet_ntop(socket.AF_INET6, packet[24:40])] += 1


def find_external(counts: dict[str, int], local: list[str]) -> dict[str, int]:
    """Return the destinations outside the machine and outside the `local` networks.

    IPv6's link-local and multicast housekeeping counts as local. IPv4's link-local addresses don't, because the
    instance metadata service has one.
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
