"""The soak test: run the same scenarios in many workers, repeatedly.

`python -m benchmarks.soak --workers 8 --times 10`. Every pass is a new pytest that must pass with the same results as
the first one. Passes reuse their stacks (`--harness-reuse`), and after every third pass and the last one all stacks are
removed, so that passes begin with and without services. After every pass the engine may have one Postgres and, for each
worker, one of each other service; after a removal none. No run, except the first one of each worker, may take SLOW
times the median of its DAG, even with `--busy N` loops at full CPU beside it.
"""

from __future__ import annotations

import argparse
import shutil
import subprocess
import sys
import time
from collections import Counter, defaultdict
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from statistics import median

from benchmarks import inner
from benchmarks.figures import BenchmarkError
from benchmarks.kept import down
from harness.engine import LABEL_ROLE, LABEL_SESSION, connect

FRESH = 3
SLOW = 10.0
KEPT_ONCE = ("postgres",)
KEPT_FOR_EACH_WORKER = ("minio", "aws", "relay", "labelling-proxy")


def main(arguments: Sequence[str] | None = None) -> int:
    """Return 0 if every pass equals the first, else print the difference and return 1."""
    parser = argparse.ArgumentParser(prog="benchmarks.soak", description=__doc__)
    parser.add_argument("--workers", type=int, default=8)
    parser.add_argument("--times", type=int, default=10)
    parser.add_argument("--runner", choices=("warm", "process"), default="warm")
    parser.add_argument("--busy", type=int, default=0, metavar="N", help="loops at full CPU beside the workers")
    chosen = parser.parse_args(arguments)
    folder = inner.project("soak", "soak", inner.HERE / "dags_soak", 'buckets = ["shared"]')
    first: dict[str, str] = {}
    began = time.monotonic()
    number = 0
    try:
        for number in range(1, chosen.times + 1):
            last = number % FRESH == 0 or number == chosen.times
            with busy_loops(chosen.busy):
                seen, seconds = one_pass(folder, chosen.workers, chosen.runner, last)
            first = first or seen
            if different := sorted(name for name in first | seen if first.get(name) != seen.get(name)):
                raise BenchmarkError(
                    f"results differ from those of the first pass: {', '.join(different)} in {folder / 'seen'}"
                )
            print(f"pass {number} of {chosen.times}: {len(seen)} scenarios, {seconds:.1f} s", flush=True)
    except BenchmarkError as error:
        print(f"pass {number}: {error}", file=sys.stderr)
        return 1
    finally:
        down(folder)
    print(f"{chosen.times} passes in {chosen.workers} workers, all equal, {time.monotonic() - began:.0f} s")
    return 0


def one_pass(folder: Path, workers: int, runner: str, last: bool) -> tuple[dict[str, str], float]:
    """Run a pass.

    Returns the results of the scenarios by file name, and the seconds of the pytest.
    The `last` pass before a removal also removes all stacks. Raises BenchmarkError.
    """
    seen = folder / "seen"
    shutil.rmtree(seen, ignore_errors=True)
    seen.mkdir()
    more = {"BENCH_SEEN": str(seen)}
    session = inner.run_pytest(folder, "-n", str(workers), "--harness-runner", runner, "--harness-reuse", more=more)
    sessions, stacks = ([file.name for file in (seen / kind).iterdir()] for kind in ("sessions", "stacks"))
    if len(sessions) != 1 or len(stacks) > workers:
        raise BenchmarkError(f"{workers} workers had the sessions {sessions} and the stacks {stacks}")
    allowed = Counter(
        dict.fromkeys(KEPT_ONCE, 1) | dict.fromkeys((*KEPT_FOR_EACH_WORKER, "network", "volume"), workers)
    )
    check_engine(sessions[0], allowed)
    if slow := slow_runs({file.name: file.read_text() for file in (seen / "seconds").iterdir()}):
        raise BenchmarkError(f"runs that took {SLOW:g} times the median: {', '.join(slow)}")
    if last:
        down(folder)
        check_engine(sessions[0], Counter())
    return {file.name: file.read_text() for file in seen.glob("*.json")}, session.seconds


def slow_runs(noted: Mapping[str, str]) -> list[str]:
    """What each worker noted, a line a run with its DAG and seconds -> the runs that took far too long."""
    runs: defaultdict[str, list[tuple[str, float]]] = defaultdict(list)
    for worker, text in noted.items():
        for line in text.splitlines()[1:]:
            dag_id, seconds = line.split()
            runs[dag_id].append((worker, float(seconds)))
    limits = {dag_id: SLOW * median(seconds for _, seconds in found) for dag_id, found in runs.items()}
    return [
        f"{dag_id} in {worker}: {seconds:.1f} s"
        for dag_id, found in runs.items()
        for worker, seconds in found
        if seconds > limits[dag_id]
    ]


@contextmanager
def busy_loops(number: int) -> Iterator[None]:
    """Processes that take all the CPU that they can get."""
    loops = [subprocess.Popen([sys.executable, "-c", "while True: pass"]) for _ in range(number)]
    try:
        yield
    finally:
        for loop in loops:
            loop.kill()
            loop.wait()


def check_engine(session: str, allowed: Counter[str]) -> None:
    """Count the containers by role, networks and volumes of a session.

    Raises BenchmarkError for any excess.
    """
    client = connect()
    ours: dict[str, str | list[str] | bool] = {"label": f"{LABEL_SESSION}={session}"}
    containers = client.containers.list(all=True, filters=ours, ignore_removed=True)
    counts = Counter(str(container.labels.get(LABEL_ROLE)) for container in containers)
    counts["network"] = len(client.networks.list(filters=ours))
    counts["volume"] = len(client.volumes.list(filters=ours))
    if excess := counts - allowed:
        raise BenchmarkError(f"unexpected resources on the engine: {dict(excess)}")


if __name__ == "__main__":
    sys.exit(main())
