"""The official client, `enkryptai-sdk` from PyPI, as the tests use it: unmodified, in its own process.

It needs a later Python than the provider, and packages that must stay out of the project's environment, so it has its
own, created once per machine (e2e/interpreters.py), in which driver.py runs.
"""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Final

from e2e.interpreters import THIS, Version, environment, others, spelt

HERE: Final = Path(__file__).resolve().parent
OLDEST: Final[Version] = (3, 11)
"""The client's own requirement."""

Json = Any


class NoPython(Exception):
    """This machine has no Python that is new enough for the official client."""


class Raised(Exception):
    """An exception of the official client: the name of its class, and its message."""

    def __init__(self, kind: str, message: str) -> None:
        super().__init__(f"{kind}: {message}")
        self.kind = kind
        self.message = message


class OfficialClient:
    """Calls the functions of driver.py by name. Exceptions of the client become `Raised`."""

    def __init__(self, process: subprocess.Popen[str]) -> None:
        self._process = process

    def __call__(self, call: str, **arguments: Json) -> Json:
        assert self._process.stdin
        assert self._process.stdout
        print(json.dumps({"call": call, **arguments}), file=self._process.stdin, flush=True)
        line = self._process.stdout.readline()
        assert line, f"the driver of the official client has ended, exit code {self._process.wait()}: see above"
        answer = json.loads(line)
        if "kind" in answer:
            raise Raised(answer["kind"], answer["message"])
        return answer["ok"]


@contextmanager
def running() -> Iterator[OfficialClient]:
    """Run the client, after creating its environment if necessary. Raises `NoPython`."""
    command = [str(_python()), "-I", str(HERE / "driver.py")]
    environ = {"PATH": os.defpath}  # no key, no proxy, no settings of whoever runs the tests
    with subprocess.Popen(
        command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True, encoding="utf-8", env=environ
    ) as process:
        try:
            yield OfficialClient(process)
        finally:
            process.kill()


def _python() -> Path:
    able = {THIS: Path(sys.executable)} if THIS >= OLDEST else others()
    if not (versions := [version for version in able if version >= OLDEST]):
        raise NoPython(f"the official client needs Python {spelt(OLDEST)} or later: install one beside this one")
    version = min(versions)
    return environment(able[version], version, HERE / "requirements.txt") / "python"


@dataclass(frozen=True)
class Person:
    """A user of the official client, with one API and one key."""

    official: OfficialClient
    url: str
    key: str = field(repr=False)

    def add(self, config: Json) -> Json:
        return self._call("add_model", config=config)

    def get(self, name: str, version: str) -> Json:
        return self._call("get_model", name=name, version=version)

    def models(self) -> Json:
        return self._call("list_models")

    def modify(self, config: Json, **old: str) -> Json:
        return self._call("modify_model", config=config, **old)

    def delete(self, name: str, version: str) -> Json:
        return self._call("delete_model", name=name, version=version)

    def _call(self, call: str, **arguments: Json) -> Json:
        return self.official(call, url=self.url, key=self.key, **arguments)
