"""Where the rehearsal's texts stand in memory is found, and looking for them harms nothing."""

from __future__ import annotations

import subprocess
import sys
from types import ModuleType

from harness.airflow.warm.traces import find_traces

# Each future that is awaited leaves one on the free list of asyncio's C code.
COLLECTS_AFTERWARDS = """
import asyncio, gc
from harness.airflow.warm.traces import find_traces

async def waits():
    future = asyncio.get_running_loop().create_future()
    asyncio.get_running_loop().call_soon(future.set_result, None)
    await future

async def some():
    await asyncio.gather(*(waits() for _ in range(20)))

asyncio.run(some())
find_traces({"/no/such/place": "home"})
gc.collect()
print("collected")
"""


def test_the_collector_comes_to_an_end_afterwards() -> None:
    """On Python 3.12 it did not, in a host that was then lost."""
    done = subprocess.run(
        [sys.executable, "-c", COLLECTS_AFTERWARDS], capture_output=True, text=True, timeout=60, check=False
    )
    assert (done.returncode, done.stdout, done.stderr) == (0, "collected\n", "")


def test_what_a_module_has_in_a_global_is_found() -> None:
    module = ModuleType("made_up")
    home = "/made-up/" + "home"
    vars(module).update(home=f"{home}/logs", another="")

    traces = find_traces({home: "home"})

    assert any(holder is vars(module) and key == "home" for holder, key in traces.places)
