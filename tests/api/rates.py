"""What tests of rate limits share."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

from enkrypt_provider.api import operation
from enkrypt_provider.api.operation import Operation
from enkrypt_provider.settings import Rates

REFUSED = "429: Minute Rate limit exceeded"


@contextmanager
def reports() -> Iterator[list[str]]:
    """Collect what is reported; a thread of `VirtualTime.run` must enter it itself."""
    lines: list[str] = []
    with operation.running(Operation(lambda severity, line: lines.append(f"{severity}: {line}"), began=0.0)):
        yield lines


def shortest(calls: int, rates: Rates) -> float:
    """Return the seconds that `calls` take at least."""
    times: list[float] = []
    for _ in range(calls):
        after = (times[-rate.calls] + rate.seconds for rate in rates if len(times) >= rate.calls)
        times.append(max([0.0, *after]))
    return times[-1]
