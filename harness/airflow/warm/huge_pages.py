"""The host's memory in pages of 2 MB: of its page table a fork copies a hundred entries then, not fifty thousand."""

from __future__ import annotations

import ctypes
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path

SIZE = Path("/sys/kernel/mm/transparent_hugepage/hpage_pmd_size")
MADV_COLLAPSE = 25


def collapse_heap() -> None:
    """Takes a quarter of a second the first time. Where the system has none (Linux has since 6.1) nothing happens."""
    with suppress(OSError, ValueError):
        size = int(SIZE.read_text())
        madvise = ctypes.CDLL(None).madvise
        madvise.argtypes = [ctypes.c_void_p, ctypes.c_size_t, ctypes.c_int]
        for begin, end in list(_heap()):
            for address in range(-(-begin // size) * size, end // size * size, size):
                madvise(address, size, MADV_COLLAPSE)  # fails where there is too little in it, which does no harm


def _heap() -> Iterator[tuple[int, int]]:
    """The address ranges of what this process can write and no file holds."""
    with open("/proc/self/maps") as lines:  # noqa: PTH123 - a file of the kernel's
        for line in lines:
            addresses, rights, _, _, _, *name = line.split(maxsplit=5)
            if rights == "rw-p" and name in ([], ["[heap]\n"]):
                begin, end = addresses.split("-")
                yield int(begin, 16), int(end, 16)
