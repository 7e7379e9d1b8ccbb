"""Where the rehearsal's folders and database stand in memory, so that each fork can put the run's own in their place.

Airflow keeps them all over: in module globals, in log handlers, in the defaults of its argument parser. So all that the
garbage collector knows is looked through.
"""

from __future__ import annotations

import gc
import sys
from collections.abc import Iterator, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass
from pathlib import PosixPath, PurePosixPath
from types import ModuleType
from typing import Any

CHUNK = 2000
PATHS = (PosixPath, PurePosixPath)
TEXTS = (str, *PATHS)


@dataclass(frozen=True)
class Traces:
    """`values` maps each text to the name of what it is (`home`, `dags_folder`, `metadata`); `places` hold one of them.

    A place is a container (a dict, a list, or an object with attributes) and the key, index or name in it.
    """

    values: Mapping[str, str]
    places: Sequence[tuple[Any, Any]]


def without_scheme(url: str) -> str:
    """Airflow derives another URL, for its asynchronous driver, which differs in the scheme alone."""
    return url.split("://", 1)[1]


def find_traces(values: Mapping[str, str]) -> Traces:
    """Costs about a second for a million objects."""
    return Traces(values, [place for holder in _holders(values) for place in _places(holder, values)])


def replace_traces(traces: Traces, new: Mapping[str, str]) -> None:
    """`new` has the run's own text for each name in `traces.values`."""
    for holder, key in traces.places:
        if isinstance(holder, dict | list):
            holder[key] = replaced(holder[key], traces, new)
        else:
            with suppress(AttributeError, TypeError):  # what takes no change
                object.__setattr__(holder, key, replaced(getattr(holder, key), traces, new))
    sys.path[:] = [replaced(entry, traces, new) for entry in sys.path]


def replaced(value: Any, traces: Traces, new: Mapping[str, str]) -> Any:
    if type(value) in PATHS:
        return type(value)(replaced(str(value), traces, new))
    if isinstance(value, str):
        for old, what in traces.values.items():
            value = value.replace(old, new[what])
    return value


def _holders(values: Mapping[str, str]) -> Iterator[Any]:
    """The objects that refer to a string with one of the texts.

    The collector does not know dicts that hold nothing but such as strings; it knows who refers to them. Of a module
    its dict is looked at, not what its C code keeps: Python 3.12's asyncio tells of its free list, whose dead objects,
    once somebody has held them, are freed a second time, and the next collection goes in circles.
    """
    known = gc.get_objects()
    modules = [one for one in known if issubclass(type(one), ModuleType)]
    asked = {id(module) for module in modules}
    objects = [one for one in known if id(one) not in asked]
    objects += [unknown for module in modules if not gc.is_tracked(unknown := _dict_of(module))]
    for start in range(0, len(objects), CHUNK):
        chunk = objects[start : start + CHUNK]
        if not any(_hit(one, values) for one in gc.get_referents(*chunk)):
            continue
        for one in chunk:
            for referent in gc.get_referents(one):
                if type(referent) in TEXTS:
                    if type(one) not in PATHS and _holds(referent, values):
                        yield one
                        break
                elif _hit(referent, values):
                    yield referent


def _dict_of(module: ModuleType) -> dict[str, Any]:
    """By the descriptor itself: a subclass that is lazy would be loaded."""
    found: dict[str, Any] = vars(ModuleType)["__dict__"].__get__(module)
    return found


def _hit(one: Any, values: Mapping[str, str]) -> bool:
    if type(one) in TEXTS:
        return _holds(one, values)
    return type(one) is dict and not gc.is_tracked(one) and any(_holds(value, values) for value in one.values())


def _places(holder: Any, values: Mapping[str, str]) -> Iterator[tuple[Any, Any]]:
    """None in what can't be changed, as a tuple."""
    if isinstance(holder, dict):
        entries: list[tuple[Any, Any]] = list(holder.items())
    elif isinstance(holder, list):
        entries = list(enumerate(holder))
    else:
        slots = [name for kind in type(holder).__mro__ for name in _slots(kind)]
        entries = list(getattr(holder, "__dict__", {}).items())
        entries += [(name, getattr(holder, name, None)) for name in slots]
    for key, value in entries:
        if _holds(value, values) and not (isinstance(holder, dict) and holder is values):
            yield holder, key


def _slots(kind: type) -> Sequence[str]:
    slots = vars(kind).get("__slots__", ())
    return (slots,) if isinstance(slots, str) else tuple(slots)


def _holds(value: object, values: Mapping[str, str]) -> bool:
    if type(value) in PATHS:
        value = str(value)
    return type(value) is str and any(text in value for text in values)
