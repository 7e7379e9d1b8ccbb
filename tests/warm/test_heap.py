"""Nothing that a DAG can reach in memory tells of the rehearsal: not its home, its dags folder or its database."""

from __future__ import annotations

import sys

import pytest

from harness.airflow.warm.client import WarmHosts
from tests.warm.support import Runs

pytestmark = [
    pytest.mark.engine,
    pytest.mark.skipif(sys.platform != "linux", reason="not run: the warm runner is for Linux"),
]

# Everything that can be reached from what the collector knows, its frozen objects too.
SEARCH = """
import gc, os, re, sys
from pathlib import PurePath
from types import ModuleType

re.purge()  # its cache has Airflow's patterns of secrets
texts = os.environ["SOUGHT"].split("|")
gc.unfreeze()
own = os.environ["AIRFLOW__DATABASE__SQL_ALCHEMY_CONN"].rpartition("/")[2]
known, found, todo = {id(sys._getframe()), id(texts)}, [], [(one, None) for one in gc.get_objects()]
known |= {id(known), id(found), id(todo)}
for one, _ in todo:
    kind = type(one)
    # The host's own records, in its frames below this one; and what remembers for which sys.path it was worked out.
    if str(kind.__module__).startswith("harness.") or kind.__name__ == "_NamespacePath" or one is sys.__stdin__:
        known.add(id(one))
        known.update(id(part) for inner in gc.get_referents(one) for part in (inner, *gc.get_referents(inner))
                     if type(part) in (str, tuple, dict) and part is not sys.modules)

def of(one):
    # By its type: some proxies run code when they are asked for their class.
    if type(one) is str:
        return one
    if type(one) in (bytes, bytearray):
        return bytes(one).decode(errors="replace")
    return str(one) if issubclass(type(one), PurePath) else ""

while todo:
    one, holder = todo.pop()
    if id(one) in known:
        continue
    known.add(id(one))
    text = of(one)
    if text:
        if any(sought in text.replace(own, "") for sought in texts) and text != os.environ["SOUGHT"]:
            found.append(f"{type(holder).__qualname__}: {text}")
        continue
    # Of a module what can be reached, not what its C code keeps (see find_traces).
    for referent in [vars(one)] if issubclass(type(one), ModuleType) else gc.get_referents(one):
        if id(referent) not in known and type(referent) not in (int, float):
            todo.append((referent, one))
return sorted(set(found))
"""

# Keys of caches of pure functions (urlsplit, re2), and the arguments that SQLAlchemy's engine had: each connection gets
# the run's instead (fork._redirect). None of them gives a run anything but what it asks for.
OF_CACHES = ("tuple", "SplitResult", "immutabledict")


def test_a_run_finds_nothing_of_the_rehearsal(warm: Runs) -> None:
    execute = warm.world.execute
    hosts = execute.__self__  # type: ignore[attr-defined]
    assert isinstance(hosts, WarmHosts)
    warm.run("return 1")
    databases = warm.world.stack.postgres.scratch_name().rpartition("_")[0] + "_"
    found = warm.told(SEARCH, environment={"SOUGHT": f"{hosts.folder}/|{databases}"})
    assert [one for one in found if one.partition(":")[0] not in OF_CACHES] == []


def test_the_search_finds_what_there_is(warm: Runs) -> None:
    """A search that finds nothing proves nothing, unless it would have found it."""
    planted = (
        "import pathlib, sys\n"
        "sys.kept = [('planted/' + 'tuple',), {b'planted/' + b'set'}, pathlib.Path('planted', 'path')]"
    )
    found = warm.told(SEARCH, top=planted, environment={"SOUGHT": "planted/tup|planted/se|planted/pat"})
    assert found == ["list: planted/path", "set: planted/set", "tuple: planted/tuple"]
