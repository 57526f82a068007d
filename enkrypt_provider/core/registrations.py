"""The registrations of one account, of one kind: what the API, this machine and this run know of them.

A state object stands for the number (`model_id`) that it holds, not for a name. Where the API tells no number, its
`created_at` stands in.
"""

from __future__ import annotations

import hashlib
import shlex
from collections.abc import Callable

from ..api.client import EnkryptClient
from ..api.snapshot import Snapshot
from ..errors import ModelNotFound, plain
from ..kinds import codec
from ..kinds.kind import Identifier, Kind, Live, Properties
from ..kinds.model import MODEL
from .database import Database
from .journal import Journal
from .run_ownership import RunOwnership


class Registrations:
    """The registrations of one account, as one stack may change them."""

    def __init__(self, client: EnkryptClient, *, journal: Journal, run: RunOwnership, kind: Kind) -> None:
        self.client = client
        self.kind = kind
        self.journal = journal
        self.run = run
        self.snapshot = Snapshot(client, kind)

    def modify(self, identity: Identifier, inputs: Properties, doubt: Callable[[], None] = lambda: None) -> Live:
        """Send the whole object. `doubt` is called as soon as the work may have been done without a response."""
        body = codec.body(self.kind, inputs, self.client.settings.dialect)
        try:
            return self.client.modify(self.kind, identity, body, doubt)
        finally:
            self.snapshot.changed()

    def remove(self, identity: Identifier) -> ModelNotFound | None:
        """Delete what is registered. Return the API's error where nothing is."""
        try:
            self.client.delete(self.kind, identity)
        except ModelNotFound as gone:
            return gone
        finally:
            self.snapshot.changed()
        return None

    def left_behind(self, identity: Identifier) -> str:
        """Return what to do about a registration that may be ours and that no state will show."""
        command = delete_command(self.client.settings.endpoint, self.kind, identity)
        return (
            f"{identity} may be registered at {self.client.settings.shown_endpoint}: the next `pulumi up` on this "
            f"machine completes it; to remove it instead: {command}"
        )


def connect(
    client: EnkryptClient, place: str = "", database: Database | None = None, kind: Kind = MODEL
) -> Registrations:
    """Return the account's registrations, with what this machine remembers of them."""
    database = database or Database()
    account = f"{client.settings.account}{'' if kind is MODEL else f' {kind.name}'}"  # a storage format
    tenant = hashlib.sha256(f"{account}\n{client.settings.api_key.reveal()}".encode()).hexdigest()[:8]
    return Registrations(
        client, journal=Journal(database, account, place), run=RunOwnership(database, account, tenant), kind=kind
    )


def delete_command(endpoint: str, kind: Kind, identity: Identifier) -> str:
    """Return what to type to delete a registration by hand."""
    if not endpoint:
        return "declare it again, run `pulumi up`, then take it out of the program"
    url = shlex.quote(f"{endpoint}{kind.calls.path(kind.calls.delete)}")
    headers = kind.headers(identity).items()
    named = " ".join(f"-H {shlex.quote(f'{name}: {plain(value)}')}" for name, value in headers)
    return f'curl -X DELETE {url} -H "apikey: $ENKRYPTAI_API_KEY" {named}'
