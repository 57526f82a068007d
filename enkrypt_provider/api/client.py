"""The calls of an account: one method per call, and one place (`_exchange`) through which every request goes.

A call for one registration returns it parsed; `list_all` returns raw JSON.
"""

from __future__ import annotations

import contextlib
import itertools
import os
import threading
from collections.abc import Callable, Iterable, Mapping
from dataclasses import replace
from fnmatch import fnmatchcase
from functools import partial
from typing import TYPE_CHECKING, Final, TypeVar

from ..errors import ModelNotFound, RequestRejected, ServiceUnavailable, UnexpectedResponse, near_match, plain
from ..kinds import codec
from ..kinds.kind import Identifier, Json, Kind, Live, Properties
from ..kinds.model import MODEL
from ..kinds.secrets import without_secret_texts
from ..settings import Settings
from . import responses
from .pace import Pace, new_pace, shared_pace
from .redaction import Hidden, hidden_of, spelt, without_key
from .request import LIST_LIMIT, Request, Response
from .retry import Failed, Failure, RetryPolicy, retry

if TYPE_CHECKING:
    import httpx

    from .transport import Transport

T = TypeVar("T")

VISIBILITY_WAITS: Final = (0.0, 0.5, 1.0, 2.0)
"""Seconds before each look-up of a registration whose creation had no response: replicas lag."""

_PROXIES: Final = ("HTTPS_PROXY", "https_proxy", "ALL_PROXY", "all_proxy")


class EnkryptClient:
    """The calls of one account. Safe for threads; one for each process is enough.

    It connects when it is first used. `transport` stands in for the network. With its own `retry` policy it has its
    own pace, by that policy's sleep and clock; otherwise the clients of an account share one.
    Raise `ConfigurationError`, at the latest when it connects, where the environment's proxy or certificates, or the
    embedded database, cannot be used.
    """

    def __init__(
        self,
        settings: Settings,
        *,
        transport: httpx.BaseTransport | None = None,
        retry: RetryPolicy | None = None,
        pace: Pace | None = None,
    ) -> None:
        self.settings = settings
        self._policy = retry or RetryPolicy(settings.max_retries)
        own = new_pace(settings, sleep=retry.sleep, clock=retry.clock) if retry else None
        self._pace = pace or own or shared_pace(settings)
        account = str(settings.database or settings.account), settings.api_key
        self._hidden = Hidden() if retry else hidden_of(account)
        self.hide([settings.api_key.reveal()])
        self._key_forms = spelt(settings.api_key.reveal())
        self._given_transport = transport
        self._connecting = threading.Lock()
        self._transport: Transport | None = None
        if settings.database or _is_environment_odd():
            self._connect()  # a preview must already tell what is wrong with them

    def __repr__(self) -> str:
        return f"EnkryptClient({self.settings.shown_endpoint!r})"

    def hide(self, secrets: Iterable[str]) -> None:
        """Show none of these from now on: any later response may repeat them. They are read once one is shown."""
        self._hidden.unread.append(secrets)

    def without_keys(self, text: str) -> str:
        """Return a text of the API's without the account's key, what is to be hidden, and what looks like a key."""
        return without_secret_texts(self._hidden.redacted(text))

    def close(self) -> None:
        """Close the connections."""
        if self._transport:
            self._transport.close()

    @property
    def clock_offset(self) -> float:
        """Seconds by which the API's clock is ahead of this machine's, as of its last response."""
        return self._transport.clock_offset if self._transport else 0.0

    def add(
        self,
        kind: Kind,
        body: Properties,
        identity: Identifier,
        look_up: Callable[[], Live | None] = lambda: None,
        doubt: Callable[[], None] = lambda: None,
    ) -> Live:
        """POST the call that adds, and return the registration as the server has it.

        Where the response is lost, `look_up` is called: it returns the registration where the work was done, else
        None. `doubt` is called as soon as the work may have been done without a response. Raise `ModelExists` where
        the identity is taken.
        """
        request = self._request("POST", kind, kind.calls.add, f"create {identity}", body=body)
        return self._send(request, partial(responses.written, kind, identity), look_up, doubt)

    def get(self, kind: Kind, identity: Identifier) -> Live:
        """GET one registration, past the server's cache. Raise `ModelNotFound`."""
        request = self._request("GET", kind, kind.calls.get, f"read {identity}", identity)
        return self._send(request, partial(responses.one, kind, identity))

    def list_all(self, kind: Kind) -> list[Json]:
        """GET every registration of the account, past the server's cache."""
        request = self._request("GET", kind, kind.calls.list, f"list the {kind.calls.listed}", limit=LIST_LIMIT)
        return self._send(request, partial(responses.items, kind))

    def matching(self, kind: Kind, pattern: str) -> list[Live]:
        """Return the registrations whose name matches a pattern (`*` and `?`), in the order of their ids.

        Of a list that does not show them whole, those alone are read one by one.
        """
        named = ((kind.identity_in(item), item) for item in self.list_all(kind) if isinstance(item, dict))
        found = sorted(
            ((str(identity), item) for identity, item in named if fnmatchcase(identity.name, pattern)),
            key=lambda one: one[0],
        )
        return [
            codec.read(kind, item) if codec.is_whole(kind, item) else self.get(kind, kind.identity_in(item))
            for _, item in found
        ]

    def modify(
        self, kind: Kind, identity: Identifier, body: Properties, doubt: Callable[[], None] = lambda: None
    ) -> Live:
        """PATCH the whole object and return the registration as the server has it. Raise `ModelNotFound`.

        `doubt` is called as soon as the work may have been done without a response.
        """
        request = self._request("PATCH", kind, kind.calls.modify, f"update {identity}", identity, body)
        return self._send(request, partial(responses.written, kind, identity), doubt=doubt)

    def delete(
        self,
        kind: Kind,
        identity: Identifier,
        is_gone: Callable[[], bool] = lambda: False,
        on_turn: Callable[[], None] = lambda: None,
    ) -> None:
        """DELETE one registration. Raise `ModelNotFound`. The response's body says nothing of use [G].

        `is_gone` is asked before it is sent again: the identity may be another registration's by then. `on_turn` is
        called when nothing is left to wait for; what it raises is raised, and nothing is sent.
        """
        request = self._request("DELETE", kind, kind.calls.delete, f"delete {identity}", identity)
        self._send(request, lambda _response: True, before_again=lambda: is_gone() or None, on_turn=on_turn)

    def model_health(self, identity: Identifier) -> Json:
        """POST `/rt/model/model-health` and return the response's JSON, whose shape is not known."""
        request = Request("POST", "/rt/model/model-health", f"check the health of {identity}", identity, kind=MODEL)
        return self._send(request, Response.json)

    def consumer_info(self) -> Mapping[str, Json]:
        """GET `/consumer-info` and return what the API says of the key; nothing where it does not say. Tried once."""
        request = Request("GET", "/consumer-info", "ask whose the key is")
        try:
            found = self._send(request, Response.json, policy=replace(self._policy, max_retries=0))
        except (RequestRejected, ServiceUnavailable, UnexpectedResponse):
            return {}
        return found if isinstance(found, dict) else {}

    def find(self, kind: Kind, identity: Identifier, waits: tuple[float, ...] = (0.0,)) -> Live | None:
        """Return the registration, or None where it is not there after each of `waits`, seconds."""
        try:
            return self.until_visible(lambda: self.get(kind, identity), waits)
        except ModelNotFound:
            return None

    def registered(self, kind: Kind, identity: Identifier) -> Live:
        """Return the registration that a person named. Raise `ModelNotFound` with the nearest name."""
        found = self.find(kind, identity)
        if found is None:
            known = tuple(str(kind.identity_in(item)) for item in self.list_all(kind) if isinstance(item, dict))
            near = near_match(str(identity), known)
            raise ModelNotFound(f"no {kind.noun} {plain(identity)} is registered with this account{near}", status=404)
        return found

    def until_visible(self, call: Callable[[], T], waits: tuple[float, ...] = VISIBILITY_WAITS) -> T:
        """Call `call` after each of `waits`, seconds, until it finds something. Raise `ModelNotFound` at the end."""
        *before, last = waits
        for wait in before:
            self.wait(wait)
            with contextlib.suppress(ModelNotFound):
                return call()
        self.wait(last)
        return call()

    def wait(self, seconds: float) -> None:
        """Let time pass."""
        if seconds:
            self._policy.sleep(seconds)

    # ---- one request

    @staticmethod
    def _request(
        method: str,
        kind: Kind,
        call: str,
        what: str,
        identity: Identifier | None = None,
        body: Json = None,
        **more: int,
    ) -> Request:
        secrets = kind.secret_texts(body) if body else ()
        return Request(method, kind.calls.path(call), what, identity, body, secrets=secrets, kind=kind, **more)

    def _send(
        self,
        request: Request,
        read: Callable[[Response], T],
        look_up: Callable[[], T | None] = lambda: None,
        doubt: Callable[[], None] = lambda: None,
        policy: RetryPolicy | None = None,
        before_again: Callable[[], T | None] = lambda: None,
        on_turn: Callable[[], None] = lambda: None,
    ) -> T:
        self.hide(request.secrets)
        attempts = itertools.count()
        broken: set[str] = set()

        def attempt() -> T:
            if next(attempts) and (done := before_again()) is not None:
                return done
            try:
                return read(self._exchange(request, on_turn))
            except UnexpectedResponse as error:
                why = plain(self.without_keys(str(error)))
                is_final = request.method == "GET" and isinstance(error, codec.NotWhole) and why in broken
                broken.add(why)
            # Not in `except`: the error that may show a key must not be chained.
            named = UnexpectedResponse(f"{request.what}: {self.settings.shown_endpoint} {why}")
            raise named if is_final else Failed(Failure.LOST, why, error=named)

        return retry(
            attempt,
            method=request.method,
            what=request.what,
            policy=policy or self._policy,
            look_up=look_up,
            doubt=doubt,
        )

    def _exchange(self, request: Request, on_turn: Callable[[], None]) -> Response:
        if request.identity and not request.identity.is_sendable:
            raise ModelNotFound(f"{plain(request.what)}: nothing has a name or version that is not printable ASCII")
        transport = self._connect()
        with self._pace.turn(request.family) as turn:
            on_turn()
            response = transport.send(request)
        # Not only of errors: what a registration says is kept in the state.
        response = replace(response, body=without_key(response.body, self._key_forms))
        if failed := responses.failure(response, self.without_keys):
            if failed.failure is Failure.RATE_LIMITED:
                self._pace.lock_out(turn, str(failed), failed.retry_after)
            raise failed
        # After a POST what is registered is looked up, and a GET says what it says.
        refusal = responses.refusal(response) if request.method in ("PATCH", "DELETE") else None
        if refusal or response.status >= 300:
            raise responses.rejection(request, refusal or response, self.settings, self.without_keys)
        return response

    def _connect(self) -> Transport:
        with self._connecting:
            if self._transport is None:
                from .transport import Transport

                self._transport = Transport(self.settings, self._given_transport, self._policy.clock)
            return self._transport


def _is_environment_odd() -> bool:
    authorities = os.environ.get("SSL_CERT_FILE")
    return any(map(os.environ.get, _PROXIES)) or bool(authorities and not os.access(authorities, os.R_OK))
