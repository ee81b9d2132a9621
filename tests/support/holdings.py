"""What an object holds, counted: who plays the same twice holds as much after the second time."""

from __future__ import annotations

import gc
from collections import Counter, deque
from collections.abc import Sized
from types import BuiltinFunctionType, CodeType, FunctionType, ModuleType
from typing import Any

from msgspec import Struct

from sip.timers import TimerQueue

_PROGRAM = (type, ModuleType, CodeType, BuiltinFunctionType)
_VALUES = (int, float, str, bytes, type(None))
_MANY = (dict, list, set, deque)


def held_by(root: object, *others: object) -> Counter[str]:
    """How many objects of each type are within reach of ``root``, and how much is in all containers
    of a type; not what is within reach of ``others`` alone.

    Neither values nor the program itself are counted, nor timers: one that was cancelled lies in
    their heap, empty, until its moment or a sweep.
    """
    seen = {id(each) for each in others}
    counts: Counter[str] = Counter()
    ways: list[Any] = [root]
    while ways:
        found = ways.pop()
        if id(found) in seen or isinstance(found, (*_PROGRAM, *_VALUES, TimerQueue)):
            continue
        seen.add(id(found))
        if isinstance(found, FunctionType):
            ways.extend(found.__closure__ or ())
            continue
        name = type(found).__qualname__
        counts[name] += 1
        if isinstance(found, _MANY) and isinstance(found, Sized):
            counts[f"in {name}"] += len(found)
        if isinstance(found, Struct):  # of which the collector does not see all
            ways.extend(getattr(found, field) for field in found.__struct_fields__)
        ways.extend(gc.get_referents(found))
    return counts


def grown(before: Counter[str], after: Counter[str], calls: int) -> dict[str, int]:
    """What there is more of, by one a call at least: less is what has just begun, or is about to
    end, as a timer.
    """
    more = {name: count - before[name] for name, count in after.items()}
    return {name: count for name, count in more.items() if count >= calls}
