"""The Models API: one method per call, and one place (`_exchange`) through which every request goes.

Model calls return a parsed registration; `list_models` returns raw JSON. No error shows more of a response than one
line without the keys that were sent.
"""

from __future__ import annotations

import contextlib
import os
import threading
import time
from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING, Final, NoReturn, TypeVar
from urllib.parse import urlsplit

from ..errors import (
    AuthenticationFailed,
    ModelExists,
    ModelNotFound,
    RequestRejected,
    UnexpectedResponse,
    near_match,
    plain,
)
from ..kinds import codec
from ..kinds.kind import Identifier, Json, Live
from ..kinds.model import MODEL
from ..settings import OFF, VENDOR_RT_RATES, Settings
from . import operation
from .pace import Pace
from .redaction import redacted, secrets_in
from .request import LIST_LIMIT, NOT_FOLLOWED, Request, Response, timestamp
from .retry import Failed, Failure, RetryPolicy, retry

if TYPE_CHECKING:
    import httpx

    from .transport import Transport

T = TypeVar("T")

VISIBILITY_WAITS: Final = (0.0, 0.5, 1.0, 2.0)
"""Seconds before each look-up of a model whose creation had no response: replicas lag."""

_PROXIES: Final = ("HTTPS_PROXY", "https_proxy", "ALL_PROXY", "all_proxy")
_paces: dict[tuple[str, object], Pace] = {}


def shared_pace(settings: Settings) -> Pace:
    """Return the pace that all clients of one account in this process share."""
    account = (settings.account, settings.api_key)
    if account not in _paces:
        _paces[account] = new_pace(settings)
    return _paces[account]


def new_pace(
    settings: Settings,
    *,
    sleep: Callable[[float], None] = operation.sleep,
    clock: Callable[[], float] = time.monotonic,
) -> Pace:
    """Return a pace for the settings' rate limits. `/rt/*` has a limit of its own, on every plan."""
    rt = VENDOR_RT_RATES if settings.rate_limit else OFF
    return Pace({"models": settings.rate_limit, "rt": rt}, sleep=sleep, clock=clock)


class EnkryptClient:
    """The calls of one account. Safe for threads; one for each process is enough.

    It connects when it is first used. `transport` stands in for the network; `retry`, `pace` and `clock` for time.
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
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self.settings = settings
        self._policy = retry or RetryPolicy(settings.max_retries)
        self._pace = pace or (new_pace(settings, sleep=retry.sleep) if retry else shared_pace(settings))
        self._clock = clock
        self._sent: set[str] = set()  # every model's key so far: a later response may repeat it too
        self._given_transport = transport
        self._connecting = threading.Lock()
        self._transport: Transport | None = None
        if settings.database or _is_environment_odd():
            self._connect()  # a preview must already tell what is wrong with them

    def __repr__(self) -> str:
        return f"EnkryptClient({self.settings.shown_endpoint!r})"

    def close(self) -> None:
        """Close the connections."""
        if self._transport:
            self._transport.close()

    @property
    def clock_offset(self) -> float:
        """Seconds by which the API's clock is ahead of this machine's, as of its last response."""
        return self._transport.clock_offset if self._transport else 0.0

    def add_model(
        self,
        body: Mapping[str, Json],
        identity: Identifier,
        look_up: Callable[[], Live | None] = lambda: None,
        doubt: Callable[[], None] = lambda: None,
    ) -> Live:
        """POST `/models/add-model` and return the model as the server has it.

        Where the response is lost, `look_up` is called: it returns the model where the work was done, else None.
        `doubt` is called as soon as the work may have been done without a response. Raise `ModelExists` where the
        identity is taken.
        """
        request = Request("POST", "/models/add-model", f"create {identity}", body=body, secrets=secrets_in(body))
        return self._send(request, lambda response: _data_of(response.json(), identity), look_up, doubt)

    def get_model(self, identity: Identifier) -> Live:
        """GET `/models/get-model`, past the server's cache. Raise `ModelNotFound`."""
        request = Request("GET", "/models/get-model", f"read {identity}", identity)
        return self._send(request, lambda response: _model_in(response.json(), identity))

    def list_models(self) -> list[Json]:
        """GET `/models/list-models`, past the server's cache, and return every registration of the account."""
        request = Request("GET", "/models/list-models", "list the models", limit=LIST_LIMIT)
        return self._send(request, lambda response: _models_in(response.json()))

    def modify_model(self, identity: Identifier, body: Mapping[str, Json]) -> Live:
        """PATCH `/models/modify-model` with the whole object and return the model as the server has it.

        Raise `ModelNotFound`.
        """
        request = Request(
            "PATCH", "/models/modify-model", f"update {identity}", identity, body, secrets=secrets_in(body)
        )
        return self._send(request, lambda response: _data_of(response.json(), identity))

    def delete_model(self, identity: Identifier) -> None:
        """DELETE `/models/delete-model`. Raise `ModelNotFound`. The response's body says nothing of use [G]."""
        request = Request("DELETE", "/models/delete-model", f"delete {identity}", identity)
        self._send(request, lambda _response: None)

    def model_health(self, identity: Identifier) -> Json:
        """POST `/rt/model/model-health` and return the response's JSON, whose shape is not known."""
        request = Request("POST", "/rt/model/model-health", f"check the health of {identity}", identity)
        return self._send(request, Response.json)

    def consumer_info(self) -> Mapping[str, Json]:
        """GET `/consumer-info` and return what the API says of the key; nothing where it lacks that call."""
        request = Request("GET", "/consumer-info", "ask whose the key is")
        try:
            found = self._send(request, Response.json)
        except RequestRejected as error:
            if error.status in (404, 405, 501):
                return {}
            raise
        return found if isinstance(found, dict) else {}

    def find_model(self, identity: Identifier, waits: tuple[float, ...] = (0.0,)) -> Live | None:
        """Return the model, or None where it is not there after each of `waits`, seconds."""
        try:
            return self.until_visible(lambda: self.get_model(identity), waits)
        except ModelNotFound:
            return None

    def registered(self, identity: Identifier) -> Live:
        """Return the model that a person named. Raise `ModelNotFound` with the nearest name."""
        found = self.find_model(identity)
        if found is None:
            known = tuple(str(MODEL.identity_in(item)) for item in self.list_models() if isinstance(item, dict))
            near = near_match(str(identity), known)
            raise ModelNotFound(f"no model {plain(identity)} is registered with this account{near}", status=404)
        return found

    def until_visible(self, call: Callable[[], T], waits: tuple[float, ...] = VISIBILITY_WAITS) -> T:
        """Call `call` after each of `waits`, seconds, until it finds its model. Raise `ModelNotFound` at the end."""
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

    def _send(
        self,
        request: Request,
        read: Callable[[Response], T],
        look_up: Callable[[], T | None] = lambda: None,
        doubt: Callable[[], None] = lambda: None,
    ) -> T:
        self._sent.update(request.secrets)

        def attempt() -> T:
            try:
                return read(self._exchange(request))
            except UnexpectedResponse as error:
                why = plain(redacted(str(error), self._hidden()))
            # Not in `except`: the error that may show a key must not be chained.
            named = UnexpectedResponse(f"{request.what}: {self.settings.shown_endpoint} {why}")
            raise Failed(Failure.LOST, why, error=named)

        return retry(
            attempt, method=request.method, what=request.what, policy=self._policy, look_up=look_up, doubt=doubt
        )

    def _exchange(self, request: Request) -> Response:
        if request.identity and not request.identity.is_sendable:
            raise ModelNotFound(f"{plain(request.what)}: no model has a name or version that is not printable ASCII")
        turn = self._pace.wait(request.family)
        response = self._connect().send(request)
        if response.status == 429:
            self._lock_out(turn, response)
        if response.status >= 300:
            self._refuse(request, response)
        return response

    def _connect(self) -> Transport:
        with self._connecting:
            if self._transport is None:
                from .transport import Transport

                self._transport = Transport(self.settings, self._given_transport, self._clock)
            return self._transport

    def _lock_out(self, turn: float, response: Response) -> NoReturn:
        seconds = _retry_after(response.headers.get("retry-after"))
        why = f"429{_colon(self._message(response))}"
        self._pace.lock_out(turn, why, seconds)
        raise Failed(Failure.RATE_LIMITED, why, seconds)

    # ---- what a status means

    def _refuse(self, request: Request, response: Response) -> NoReturn:
        status = response.status
        if status in (301, 302, 303, 307, 308):
            raise RequestRejected(redacted(_redirected(request, response), self._hidden()), status=status)
        why = f"{status}{_colon(self._message(response))}"
        retry_after = _retry_after(response.headers.get("retry-after"))
        if status == 503 and retry_after is not None:
            raise Failed(Failure.TURNED_AWAY, why, retry_after)
        if status >= 500 or status in (408, 425):
            raise Failed(Failure.LOST, why, retry_after)
        raise self._rejected(request, response)

    def _rejected(self, request: Request, response: Response) -> RequestRejected:
        kind, advice = _REJECTIONS.get(response.status, (RequestRejected, ""))
        if kind is ModelNotFound and request.identity is None:
            kind, advice = RequestRejected, f"is {self.settings.shown_endpoint} the API's address?"
        message = f"{request.what}: {response.status}{_colon(self._message(response))}"
        if kind is AuthenticationFailed:
            advice = f"{self.settings.shown_endpoint} does not accept the API key; {advice}"
        return kind(
            f"{message}{_colon(advice)}", status=response.status, request_id=_request_id(response, self._hidden())
        )

    def _message(self, response: Response) -> str:
        try:
            found = response.json()
        except UnexpectedResponse:
            return ""
        message = found.get("message") if isinstance(found, dict) else None
        return plain(redacted(message, self._hidden()), 300) if isinstance(message, str) else ""

    def _hidden(self) -> list[str]:
        return [self.settings.api_key.reveal(), *self._sent]


_REJECTIONS: Final[dict[int, tuple[type[RequestRejected], str]]] = {
    401: (
        AuthenticationFailed,
        "set a valid one with `pulumi config set --secret enkrypt:apiKey`. `refresh` and `destroy` use the key "
        "of the last `up`: after a rotation add --run-program",
    ),
    403: (AuthenticationFailed, "it may be of another project or lack the right to do this"),
    404: (ModelNotFound, ""),
    409: (ModelExists, ""),
}


def _is_environment_odd() -> bool:
    authorities = os.environ.get("SSL_CERT_FILE")
    return any(map(os.environ.get, _PROXIES)) or bool(authorities and not os.access(authorities, os.R_OK))


# ---- reading a response


def _data_of(found: Json, identity: Identifier) -> Live:
    return _model_in(found.get("data") if isinstance(found, dict) else None, identity)


def _model_in(found: Json, identity: Identifier) -> Live:
    """Return the model that was asked for; one without a version is taken for that."""
    if not isinstance(found, dict) or not isinstance(found.get("model_saved_name"), str):
        raise UnexpectedResponse("answered without the model's data")
    config = found.get("model_config")
    version = (config.get("model_version") if isinstance(config, dict) else None) or found.get("model_version")
    if (found["model_saved_name"], version or identity.version) != (identity.name, identity.version):
        raise UnexpectedResponse(f"answered with another model, {found['model_saved_name']}")
    return codec.read(MODEL, found if version else {**found, "model_version": identity.version})


def _models_in(found: Json) -> list[Json]:
    models = found.get("models") if isinstance(found, dict) else None
    if not isinstance(models, list):
        raise UnexpectedResponse("answered without a list of models")
    return models


def _retry_after(value: str | None) -> float | None:
    """Return seconds, from either form of the header; None where there is none or it is unreadable."""
    if value is None:
        return None
    try:
        return float(value) if value.strip().isdigit() else max(0.0, timestamp(value) - time.time())
    except (ValueError, TypeError, OverflowError):
        return None


def _redirected(request: Request, response: Response) -> str:
    where = _host_in(response.headers.get(NOT_FOLLOWED, "")) or "another place"
    return (
        f"{request.what}: {response.status} to {plain(where, 100)}: redirects are not followed, since the key would "
        "go with them; if that is the API's address, set enkrypt:endpoint to it"
    )


def _host_in(url: str) -> str:
    """Return `https://HOST`, or "" where `url` names none."""
    try:
        target = urlsplit(url)
        return f"{target.scheme}://{target.hostname}" if target.hostname else ""
    except ValueError:
        return ""


def _request_id(response: Response, secrets: list[str]) -> str:
    try:
        found = response.json()
    except UnexpectedResponse:
        found = None
    in_body = found.get("request_id") if isinstance(found, dict) else None
    text = in_body if isinstance(in_body, str) else response.headers.get("x-enkrypt-correlation-id", "")
    return redacted(text, secrets)


def _colon(text: str) -> str:
    return f": {text}" if text else ""
