"""What the parts cost by themselves, without the engine: imports, `check` and `diff`, the emulator."""

from __future__ import annotations

import itertools
import json
import resource
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from http.client import HTTPConnection
from pathlib import Path
from types import SimpleNamespace
from typing import Any
from urllib.parse import urlsplit

from document import document
from serving import Api

from enkrypt_provider.api.client import EnkryptClient
from enkrypt_provider.kinds import codec
from enkrypt_provider.kinds.kind import Identifier
from enkrypt_provider.kinds.model import MODEL
from enkrypt_provider.provider import EnkryptModelProvider
from enkrypt_provider.settings import Key, Settings

PAIRS = 9
CONNECTIONS = 8
ADDS = 2_000
ROUNDS = 5


def parts(python: Path) -> Iterator[tuple[str, float, str, str]]:
    """What, how much, its unit, and the goal that issue 8 set. `python` is a user's."""
    yield "`from enkrypt_provider import EnkryptModel` ÷ `import pulumi`, CPU", imports(python), "", "≤ 1.15"
    yield from verbs()
    yield f"the emulator over HTTP, {CONNECTIONS} connections: add-model", served(), "a second", "≥ 1,500"
    yield "the emulator embedded: add-model", embedded(), "ms", "≤ 2"


def imports(python: Path) -> float:
    """The median of ratios, each of a pair that ran one after the other."""
    ours, theirs = "from enkrypt_provider import EnkryptModel", "import pulumi"
    _cpu(python, ours)  # compiled once
    return statistics.median(_cpu(python, ours) / _cpu(python, theirs) for _ in range(PAIRS))


def _cpu(python: Path, code: str) -> float:
    before = resource.getrusage(resource.RUSAGE_CHILDREN)
    subprocess.run([str(python), "-c", code], check=True)
    after = resource.getrusage(resource.RUSAGE_CHILDREN)
    return after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime


def verbs() -> Iterator[tuple[str, float, str, str]]:
    """As the engine calls them: whole numbers are floats, and nothing is sent."""
    provider = EnkryptModelProvider()
    config: Any = {"enkrypt:apiKey": "stand-in-account-key"}
    provider.configure(SimpleNamespace(config=config))  # type: ignore[arg-type]  # a stand-in
    news = document(1)
    news["model_config"]["endpoint"]["port"] = 443.0
    inputs = provider.check({}, news).inputs
    olds = _turned({**inputs, "model_id": 1.0, "project_name": "default"})
    yield "`check` of one model", _microseconds(lambda: provider.check({}, news)), "µs", "≤ 300"
    yield "`check` of one that is not touched", _microseconds(lambda: provider.check(olds, news)), "µs", "≤ 300"
    yield "`diff` of one model", _microseconds(lambda: provider.diff("bench-1/1", olds, inputs)), "µs", "≤ 300"


def _turned(value: Any) -> Any:
    """With names in another order: the engine keeps none."""
    return {k: _turned(value[k]) for k in reversed(value)} if isinstance(value, dict) else value


def _microseconds(call: Callable[[], object]) -> float:
    return statistics.median(_timed(call) for _ in range(2_000)) * 1e6


def _timed(call: Callable[[], object]) -> float:
    began = time.perf_counter()
    call()
    return time.perf_counter() - began


def served() -> float:
    """Adds a second, the median of rounds."""
    with tempfile.TemporaryDirectory(prefix="bench-") as folder:
        api = Api(Path(folder), 0)
        numbers = itertools.count()
        try:
            with ThreadPoolExecutor(CONNECTIONS) as pool:
                # The leanest client there is: it shares the machine with what it measures.
                clients = [HTTPConnection(urlsplit(api.url).netloc) for _ in range(CONNECTIONS)]
                each = ADDS // CONNECTIONS

                def add(client: HTTPConnection) -> None:
                    for _ in range(each):
                        body = json.dumps(document(next(numbers)))
                        headers = {"apikey": "stand-in-key", "Content-Type": "application/json"}
                        client.request("POST", "/models/add-model", body, headers)
                        answer = client.getresponse()
                        assert answer.status == 200, answer.read()
                        answer.read()

                def round_() -> None:
                    list(pool.map(add, clients))

                return statistics.median(ADDS / _timed(round_) for _ in range(ROUNDS))
        finally:
            api.close()


def embedded() -> float:
    """Milliseconds of one, through the provider's own client."""
    with tempfile.TemporaryDirectory(prefix="bench-") as folder:
        settings = Settings(Key("embedded"), "", Path(folder) / "api.sqlite")
        client, numbers = EnkryptClient(settings), itertools.count()

        def add() -> None:
            inputs = document(next(numbers))
            client.add(MODEL, codec.body(MODEL, inputs), Identifier(inputs["model_saved_name"], "1"))

        return statistics.median(_timed(add) for _ in range(500)) * 1e3


def table(found: list[tuple[str, float, str, str]]) -> str:
    lines = ["| part | median | goal |", "|---|---|---|"]
    lines += [f"| {what} | {_shown(number)} {unit} | {goal} |" for what, number, unit, goal in found]
    return "\n".join(lines)


def _shown(number: float) -> str:
    return f"{number:,.0f}" if number >= 100 else f"{number:.2f}"


if __name__ == "__main__":
    print(table(list(parts(Path(sys.executable)))))
