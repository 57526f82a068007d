"""The API that a story's stack meets: the emulator, what it was asked, and a way in behind the stack's back."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any, Final

import httpx

from enkrypt_provider.emulator import create_app

Json = Any

ACCOUNT: Final = "default"
"""The account of `Look`, whatever its key."""


class Look:
    """The registrations in an emulator's database, seen and changed through the API behind the stack's back."""

    def __init__(self, database: Path) -> None:
        # A second application on the same file: its calls are not recorded with the stack's.
        self._http = httpx.Client(
            transport=httpx.WSGITransport(create_app(database)), base_url="http://look", headers={"apikey": "look"}
        )

    def models(self) -> dict[str, Json]:
        """Every registration, by NAME/VERSION."""
        found = self._answer("GET", "/models/list-models")["models"]
        return {f"{model['model_saved_name']}/{model['model_config']['model_version']}": model for model in found}

    def add(self, model: Json) -> None:
        self._answer("POST", "/models/add-model", json=model)

    def change(self, identity: str, changed: Json) -> None:
        """Changes the fields in `changed`, nested as they are."""
        computed = ("model_id", "project_name", "created_at", "updated_at")
        whole = {name: value for name, value in self.models()[identity].items() if name not in computed}
        self._answer("PATCH", "/models/modify-model", headers=_headers(identity), json=_merged(whole, changed))

    def delete(self, identity: str) -> None:
        self._answer("DELETE", "/models/delete-model", headers=_headers(identity))

    def _answer(self, method: str, path: str, **request: Any) -> Json:
        return self._http.request(method, path, **request).raise_for_status().json()


def _headers(identity: str) -> dict[str, str]:
    name, _, version = identity.partition("/")
    return {"X-Enkrypt-Model": name, "X-Enkrypt-Model-Version": version}


def _merged(whole: Json, changed: Json) -> Json:
    if not (isinstance(whole, dict) and isinstance(changed, dict)):
        return changed
    return {**whole, **{name: _merged(whole.get(name), value) for name, value in changed.items()}}


class Api(Look):
    """The emulator on a port of this machine, and what it was asked."""

    def __init__(self, database: Path, url: str, keys: dict[str, str]) -> None:
        super().__init__(database)
        self.url = url
        self._keys = keys

    @property
    def key(self) -> str:
        """The key that it accepts."""
        return next(iter(self._keys))

    def rotate(self, key: str) -> str:
        """Accepts `key` from now on, and no longer the one before."""
        self._keys.clear()
        self._keys[key] = ACCOUNT
        return key

    def fault(self, *faults: Json) -> None:
        """Turns the fault dial."""
        with httpx.Client(base_url=self.url) as http:
            http.post("/_emulator/faults", json=list(faults)).raise_for_status()

    def calls(self) -> list[str]:
        """What the API was asked since the last time, in order: `add_model NAME/VERSION`."""
        with httpx.Client(base_url=self.url) as http:
            entries = http.get("/_emulator/requests").raise_for_status().json()
            http.delete("/_emulator/requests").raise_for_status()
        return [_spelt(entry) for entry in entries]


def _spelt(entry: Mapping[str, Any]) -> str:
    call = entry["call"] or f"{entry['method']} {entry['path']}"
    name = entry["model_saved_name"]
    return f"{call} {name}/{entry['model_version']}" if name else str(call)
