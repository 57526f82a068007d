"""The emulator for tests: its requests and faults, and access to its registrations behind the program's back."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final, cast

import httpx

from ..kinds import codec
from ..kinds.deployment import DEPLOYMENT
from ..kinds.guardrails_policy import GUARDRAILS_POLICY
from ..kinds.kind import Kind
from ..kinds.model import MODEL
from ..kinds.registry import Section, kind_named
from ..settings import Dialect

if TYPE_CHECKING:
    from ..emulator import Fault

Json = Any

ACCOUNT: Final = "default"
"""The account of `Registry`, whatever its key."""
KEY: Final = "stand-in-api-key"


class Registry:
    """The registrations in an emulator's database, read and changed through the API behind the program's back.

    Additions and changes are written in `dialect`.
    """

    def __init__(self, database: Path, dialect: Dialect = "v1") -> None:
        self.database = database
        self.dialect = dialect

    @cached_property
    def _http(self) -> httpx.Client:
        from ..emulator import create_app

        # A second application on the same file: its calls are not recorded with the program's.
        transport = httpx.WSGITransport(create_app(self.database, dialect=self.dialect))
        return httpx.Client(transport=transport, base_url="http://look", headers={"apikey": "look"})

    @property
    def endpoint(self) -> str:
        """The value of `enkrypt:endpoint` that reaches these registrations without a socket."""
        return f"embedded:{self.database}"

    def models(self) -> dict[str, Json]:
        """Every model, by NAME/VERSION."""
        return self._registered(MODEL)

    def policies(self) -> dict[str, Json]:
        """Every guardrails policy, by its name."""
        return self._registered(GUARDRAILS_POLICY)

    def deployments(self) -> dict[str, Json]:
        """Every deployment, by its name."""
        return self._registered(DEPLOYMENT)

    def add(self, registration: Json, to: Section = "models") -> None:
        """Registers a model, or another kind, as another user would."""
        kind = kind_named(to)
        self._call("POST", kind, kind.calls.add, json=registration)

    def change(self, identity: str, changed: Json, of: Section = "models") -> None:
        """Changes the fields in `changed`, which may be nested."""
        kind = kind_named(of)
        declared = {path for path, field in kind.fields.items() if field.is_argument}
        whole = {name: value for name, value in self._registered(kind)[identity].items() if name in declared}
        self._call("PATCH", kind, kind.calls.modify, identity, json=_merged(whole, changed))

    def delete(self, identity: str, of: Section = "models") -> None:
        """Deletes a registration, by NAME/VERSION or by its name."""
        kind = kind_named(of)
        self._call("DELETE", kind, kind.calls.delete, identity)

    def _registered(self, kind: Kind) -> dict[str, Json]:
        listed = self._call("GET", kind, kind.calls.list)[kind.calls.listed]
        items = {str(kind.identity_in(item)): item for item in listed}
        return {
            identity: item if codec.is_whole(kind, item) else self._call("GET", kind, kind.calls.get, identity)
            for identity, item in items.items()
        }

    def _call(self, method: str, kind: Kind, call: str, identity: str = "", **request: Json) -> Json:
        headers = kind.headers(kind.identity_from(identity)) if identity else {}
        return self._answer(method, kind.calls.path(call), headers=headers, **request)

    def fault(self, *faults: Fault | Mapping[str, Json]) -> None:
        """Replaces the faults to inject; without arguments, there are none."""
        dial = [dict(f) if isinstance(f, Mapping) else f.model_dump(exclude_defaults=True) for f in faults]
        self._answer("POST", "/_emulator/faults", json=dial)

    def _answer(self, method: str, path: str, **request: Any) -> Json:
        return self._http.request(method, path, **request).raise_for_status().json()


def _merged(whole: Json, changed: Json) -> Json:
    if not (isinstance(whole, dict) and isinstance(changed, dict)):
        return changed
    return {**whole, **{name: _merged(whole.get(name), value) for name, value in changed.items()}}


class Emulator(Registry):
    """An emulator on a local port, and its requests."""

    def __init__(self, database: Path, url: str, keys: dict[str, str], dialect: Dialect = "v1") -> None:
        super().__init__(database, dialect)
        self.url = url
        self._keys = keys

    @property
    def key(self) -> str:
        """The key that it accepts."""
        return next(iter(self._keys))

    def rotate(self, key: str) -> str:
        """Accepts only `key` from now on, instead of the previous one."""
        self._keys.clear()
        self._keys[key] = ACCOUNT
        return key

    def calls(self) -> list[str]:
        """The HTTP requests since the last call, in order: `add_model NAME/VERSION`, `add_policy NAME`."""
        with httpx.Client(base_url=self.url) as http:
            entries = http.get("/_emulator/requests").raise_for_status().json()
            http.delete("/_emulator/requests").raise_for_status()
        return [_call_line(entry) for entry in entries]

    def limit(self, rate: str = "", rt_rate: str = "", lockout: float = 60) -> None:
        """Replaces the rate limits, such as `3/s,100/min`; without arguments, there are none."""
        limits = {"rate": rate, "rt_rate": rt_rate, "lockout": lockout}
        httpx.post(f"{self.url}/_emulator/limits", json=limits).raise_for_status()

    def violations(self) -> int:
        """How many requests exceeded a rate limit since it was set, except those of locked-out keys."""
        found = httpx.get(f"{self.url}/_emulator/limits").raise_for_status().json()
        return int(found["violations"])


def _call_line(entry: Mapping[str, Any]) -> str:
    call = entry["call"] or f"{entry['method']} {entry['path']}"
    identity = "/".join(filter(None, (entry["name"], entry["model_version"])))
    return f"{call} {identity}".rstrip()


@contextmanager
def emulator(database: Path, **options: Any) -> Iterator[Emulator]:
    """Runs an emulator on a free port until the block ends. `options` are those of `create_app`; by default, `keys`
    is one stand-in key."""
    from ..emulator import create_app, serve_in_thread

    keys = cast(dict[str, str], options.setdefault("keys", {KEY: ACCOUNT}))
    with serve_in_thread(create_app(database, record=True, **options)) as url:
        yield Emulator(database, url, keys, options.get("dialect", "v1"))
