"""How many bytecodes the interpreter executes for a piece of work.

The same on every machine and under any load, which no time is; and blind to what C does.
"""

from __future__ import annotations

import sys
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from types import CodeType, FrameType
from typing import Any


@contextmanager
def counted(
    leave_out: Callable[[FrameType], bool] = lambda frame: False,
) -> Iterator[Counter[CodeType]]:
    """Of what is called within: what runs already, the caller above all, is not counted.

    ``leave_out``: whether a frame that begins is none of it, nor what it calls while that is so.
    """
    executed: Counter[CodeType] = Counter()

    def seen(frame: FrameType, event: str, argument: Any) -> Any:
        if leave_out(frame):
            return None
        frame.f_trace_opcodes, frame.f_trace_lines = True, False
        executed[frame.f_code] += event == "opcode"
        return seen

    sys.settrace(seen)
    try:
        yield executed
    finally:
        sys.settrace(None)
