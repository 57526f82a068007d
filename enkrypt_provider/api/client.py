"""The API client: one method per call; every request goes through `_exchange`.

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
"""Seconds before each look-up of a registration whose create got no response, since replicas lag."""

_PROXIES: Final = ("HTTPS_PROXY", "https_proxy", "ALL_PROXY", "all_proxy")


class EnkryptClient:
    """The client of one account. Thread-safe; one per process is enough.

    It connects on first use. `transport` replaces the network. A client with its own `retry` policy has its own pace,
    which uses that policy's sleep and clock; otherwise the clients of an account share one.
    Raise `ConfigurationError`, when connecting at the latest, if the environment's proxy or certificates, or the
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
        if settings.database or _has_proxy_or_bad_certificates():
            self._connect()  # so that a preview already reports what is wrong with them

    def __repr__(self) -> str:
        return f"EnkryptClient({self.settings.shown_endpoint!r})"

    def hide(self, secrets: Iterable[str]) -> None:
        """Redact these in every later message. The iterable is only consumed when the next message is redacted."""
        self._hidden.unread.append(secrets)

    def without_keys(self, text: str) -> str:
        """Return a text from the API with the account's key, the hidden secrets and apparent keys redacted."""
        return without_secret_texts(self._hidden.redacted(text))

    def close(self) -> None:
        """Close the connections."""
        if self._transport:
            self._transport.close()

    @property
    def clock_offset(self) -> float:
        """Seconds by which the API's clock is ahead of this machine's, measured on the quickest response."""
        return self._transport.clock_offset if self._transport else 0.0

    def add(
        self,
        kind: Kind,
        body: Properties,
        identity: Identifier,
        look_up: Callable[[], Live | None] = lambda: None,
        doubt: Callable[[], None] = lambda: None,
    ) -> Live:
        """Create a registration and return it as the server has it.

        If the response is lost, `look_up` is called: it returns the registration if it was created, else None.
        `doubt` is called as soon as it may have been created without a response. Raise `ModelExists` if the identity
        is taken.
        """
        request = self._request("POST", kind, kind.calls.add, f"create {identity}", body=body)
        return self._send(request, partial(responses.written, kind, identity), look_up, doubt)

    def get(self, kind: Kind, identity: Identifier) -> Live:
        """GET one registration, bypassing the server's cache. Raise `ModelNotFound`."""
        request = self._request("GET", kind, kind.calls.get, f"read {identity}", identity)
        return self._send(request, partial(responses.one, kind, identity))

    def list_all(self, kind: Kind) -> list[Json]:
        """GET every registration of the account, bypassing the server's cache."""
        request = self._request("GET", kind, kind.calls.list, f"list the {kind.calls.listed}", limit=LIST_LIMIT)
        return self._send(request, partial(responses.items, kind))

    def matching(self, kind: Kind, pattern: str) -> list[Live]:
        """Return the registrations whose name matches a pattern (`*` and `?`), in the order of their ids.

        Matches that the list does not return whole are read one by one.
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

        `doubt` is called as soon as the update may have been made without a response.
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
        """DELETE one registration. Raise `ModelNotFound`. The response's body contains nothing useful [G].

        `is_gone` is called before each retry, since by then another registration may have the identity. `on_turn` is
        called right before the request is sent; if it raises, nothing is sent.
        """
        request = self._request("DELETE", kind, kind.calls.delete, f"delete {identity}", identity)
        self._send(request, lambda _response: True, before_retry=lambda: is_gone() or None, on_turn=on_turn)

    def model_health(self, identity: Identifier) -> Json:
        """POST `/rt/model/model-health` and return the response's JSON, whose shape is not known."""
        request = Request("POST", "/rt/model/model-health", f"check the health of {identity}", identity, kind=MODEL)
        return self._send(request, Response.json)

    def consumer_info(self) -> Mapping[str, Json]:
        """GET `/consumer-info`, once, and return the API's information about the key, or {} if that fails."""
        request = Request("GET", "/consumer-info", "look up the owner of the key")
        try:
            found = self._send(request, Response.json, policy=replace(self._policy, max_retries=0))
        except (RequestRejected, ServiceUnavailable, UnexpectedResponse):
            return {}
        return found if isinstance(found, dict) else {}

    def find(self, kind: Kind, identity: Identifier, waits: tuple[float, ...] = (0.0,)) -> Live | None:
        """Look for a registration after each of `waits`, in seconds, and return it, or None if it is never found."""
        try:
            return self.until_visible(lambda: self.get(kind, identity), waits)
        except ModelNotFound:
            return None

    def registered(self, kind: Kind, identity: Identifier) -> Live:
        """Return the registration that a user named. Raise `ModelNotFound` with the nearest name."""
        found = self.find(kind, identity)
        if found is None:
            known = tuple(str(kind.identity_in(item)) for item in self.list_all(kind) if isinstance(item, dict))
            near = near_match(str(identity), known)
            raise ModelNotFound(f"no {kind.noun} {plain(identity)} is registered with this account{near}", status=404)
        return found

    def until_visible(self, call: Callable[[], T], waits: tuple[float, ...] = VISIBILITY_WAITS) -> T:
        """Call `call` after each of `waits`, in seconds, until it finds something. Raise its last `ModelNotFound`."""
        *before, last = waits
        for wait in before:
            self.wait(wait)
            with contextlib.suppress(ModelNotFound):
                return call()
        self.wait(last)
        return call()

    def wait(self, seconds: float) -> None:
        """Sleep, unless `seconds` is 0."""
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
        before_retry: Callable[[], T | None] = lambda: None,
        on_turn: Callable[[], None] = lambda: None,
    ) -> T:
        self.hide(request.secrets)
        attempts = itertools.count()
        broken: set[str] = set()

        def attempt() -> T:
            if next(attempts) and (done := before_retry()) is not None:
                return done
            try:
                return read(self._exchange(request, on_turn))
            except UnexpectedResponse as error:
                why = plain(self.without_keys(str(error)))
                is_final = request.method == "GET" and isinstance(error, codec.NotWhole) and why in broken
                broken.add(why)
            # Outside `except`: the original error may show a key and must not be chained.
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
            rule = "its name and version must be printable ASCII without spaces at the ends"
            raise ModelNotFound(f"{plain(request.what)}: {rule}")
        transport = self._connect()
        with self._pace.turn(request.family) as turn:
            on_turn()
            response = transport.send(request)
        # Not only from errors: the state stores the content of a registration.
        response = replace(response, body=without_key(response.body, self._key_forms))
        if failed := responses.failure(response, self.without_keys):
            if failed.failure is Failure.RATE_LIMITED:
                self._pace.lock_out(turn, str(failed), failed.retry_after)
            raise failed
        # After a POST the registration is looked up, and a GET is read for its content.
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


def _has_proxy_or_bad_certificates() -> bool:
    authorities = os.environ.get("SSL_CERT_FILE")
    return any(map(os.environ.get, _PROXIES)) or bool(authorities and not os.access(authorities, os.R_OK))
