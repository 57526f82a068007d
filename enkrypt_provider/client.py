"""The Models API: one method per call, and one choke point (`_exchange`) through which every request goes.

Sends what it is given and answers models as schema.py reads them, lists as the API's own JSON; what may be sent
again is retry.py's to say. Every answer is bounded in size and time, and no error says more of it than one
line without the keys that were sent.
"""

from __future__ import annotations

import contextlib
import os
import sys
import threading
import time
from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING, Final, NoReturn, TypeVar
from urllib.parse import urlsplit

from . import schema
from .errors import (
    AuthenticationFailed,
    ModelExists,
    ModelNotFound,
    RequestRejected,
    UnexpectedResponse,
    near_match,
    plain,
)
from .redaction import redacted, secrets_in
from .request import ASIDE, LIST_LIMIT, Answer, Request, timestamp
from .retry import Failed, Patience, Went, persist
from .schema import Identifier, Json, Live
from .settings import Settings

if TYPE_CHECKING:
    import httpx

    from .wire import Wire

T = TypeVar("T")

VISIBILITY_WAITS: Final = (0.0, 0.5, 1.0, 2.0)
"""Seconds before each look-up of a model whose creation was not answered: replicas lag."""


_PROXIES: Final = ("HTTPS_PROXY", "https_proxy", "ALL_PROXY", "all_proxy")


def _is_environment_odd() -> bool:
    authorities = os.environ.get("SSL_CERT_FILE")
    return any(map(os.environ.get, _PROXIES)) or bool(authorities and not os.access(authorities, os.R_OK))


def announce(line: str) -> None:
    """Shows a line in the console, live, under the stack: what a provider prints, the engine shows."""
    print(line, file=sys.stderr, flush=True)


class EnkryptClient:
    """The five calls and the health check of one account. Safe for many threads; one per process is enough.

    It connects when it is first used: an `up` that changes nothing needs no HTTP client. `transport` stands in for
    the network; `patience` and `clock` for time. Raises `ConfigurationError`, at the latest when it connects, where
    the environment's proxy or certificates, or the embedded database, cannot be used.
    """

    def __init__(
        self,
        settings: Settings,
        *,
        transport: httpx.BaseTransport | None = None,
        patience: Patience | None = None,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self.settings = settings
        self.patience = patience or Patience(settings.max_retries, announce=announce)
        self._clock = clock
        self._sent: set[str] = set()  # every model's key so far: a later answer may echo it too
        self._transport = transport
        self._connecting = threading.Lock()
        self._connected: Wire | None = None
        if settings.database or _is_environment_odd():
            self._wire()  # what is wrong with them is to be told by a preview already

    def __repr__(self) -> str:
        return f"EnkryptClient({self.settings.shown_endpoint!r})"

    def close(self) -> None:
        """Closes the connections."""
        if self._connected:
            self._connected.close()

    @property
    def clock_offset(self) -> float:
        """Seconds by which the API's clock is ahead of this machine's, as of its last answer."""
        return self._connected.clock_offset if self._connected else 0.0

    def add_model(
        self,
        body: Mapping[str, Json],
        identity: Identifier,
        look: Callable[[], Live | None] = lambda: None,
        doubt: Callable[[], None] = lambda: None,
    ) -> Live:
        """POST `/models/add-model`: the model as the server has it.

        Where the answer is lost, `look` is asked whether the work was done: what it returns is the answer,
        None means that it was not. `doubt` is told as soon as it may have been done without an answer. Raises
        `ModelExists` where the identity is taken.
        """
        request = Request("POST", "/models/add-model", f"create {identity}", body=body, secrets=secrets_in(body))
        return self._persist(request, lambda answer: _data_of(answer.json(), identity, body), look, doubt)

    def get_model(self, identity: Identifier) -> Live:
        """GET `/models/get-model`, past the server's cache. Raises `ModelNotFound`."""
        request = Request("GET", "/models/get-model", f"read {identity}", identity)
        return self._persist(request, lambda answer: _of(answer.json(), identity))

    def list_models(self) -> list[Json]:
        """GET `/models/list-models`, past the server's cache: every registration of the account."""
        request = Request("GET", "/models/list-models", "list the models", limit=LIST_LIMIT)
        return self._persist(request, lambda answer: _models_of(answer.json()))

    def modify_model(self, identity: Identifier, body: Mapping[str, Json]) -> Live:
        """PATCH `/models/modify-model` with the whole object: the model as the server has it.

        Raises `ModelNotFound`.
        """
        request = Request(
            "PATCH", "/models/modify-model", f"update {identity}", identity, body, secrets=secrets_in(body)
        )
        return self._persist(request, lambda answer: _data_of(answer.json(), identity, body))

    def delete_model(self, identity: Identifier) -> None:
        """DELETE `/models/delete-model`. Raises `ModelNotFound`. The answer's body says nothing of use [G]."""
        request = Request("DELETE", "/models/delete-model", f"delete {identity}", identity)
        self._persist(request, lambda _answer: None)

    def model_health(self, identity: Identifier) -> Json:
        """POST `/rt/model/model-health`: the answer's JSON, whose shape is not known."""
        request = Request("POST", "/rt/model/model-health", f"check the health of {identity}", identity)
        return self._persist(request, Answer.json)

    def find_model(self, identity: Identifier, waits: tuple[float, ...] = (0.0,)) -> Live | None:
        """The model, or None where it is not there, looked for once after each of `waits`, seconds."""
        try:
            return self.visible(lambda: self.get_model(identity), waits)
        except ModelNotFound:
            return None

    def registered(self, identity: Identifier) -> Live:
        """The model that a person named. Raises `ModelNotFound`, naming what comes near."""
        found = self.find_model(identity)
        if found is None:
            known = tuple(str(schema.identity_in(item)) for item in self.list_models() if isinstance(item, dict))
            near = near_match(str(identity), known)
            raise ModelNotFound(f"no model {plain(identity)} is registered with this account{near}", status=404)
        return found

    def visible(self, call: Callable[[], T], waits: tuple[float, ...] = VISIBILITY_WAITS) -> T:
        """What `call` answers once it finds its model, tried after each of `waits`, seconds: replicas lag.

        Raises `ModelNotFound` where it never does.
        """
        *before, last = waits
        for wait in before:
            self.wait(wait)
            with contextlib.suppress(ModelNotFound):
                return call()
        self.wait(last)
        return call()

    def wait(self, seconds: float) -> None:
        """Lets time pass."""
        if seconds:
            self.patience.sleep(seconds)

    # ---- one request

    def _persist(
        self,
        request: Request,
        read: Callable[[Answer], T],
        look: Callable[[], T | None] = lambda: None,
        doubt: Callable[[], None] = lambda: None,
    ) -> T:
        self._sent.update(request.secrets)

        def attempt() -> T:
            try:
                return read(self._exchange(request))
            except UnexpectedResponse as error:
                why = plain(redacted(str(error), self._hidden()))
            # Out here, where the error that may show a key is not chained.
            named = UnexpectedResponse(f"{request.what}: {self.settings.shown_endpoint} {why}")
            raise Failed(Went.LOST, why, error=named)

        return persist(
            attempt, method=request.method, what=request.what, patience=self.patience, look=look, doubt=doubt
        )

    def _exchange(self, request: Request) -> Answer:
        if request.identity and not request.identity.is_sendable:
            raise ModelNotFound(f"{plain(request.what)}: no model has a name or version that is not printable ASCII")
        answer = self._wire().send(request)
        if answer.status >= 300:
            self._refuse(request, answer)
        return answer

    def _wire(self) -> Wire:
        with self._connecting:
            if self._connected is None:
                from .wire import Wire

                self._connected = Wire(self.settings, self._transport, self._clock)
            return self._connected

    # ---- what a status means

    def _refuse(self, request: Request, answer: Answer) -> NoReturn:
        status = answer.status
        if status in (301, 302, 303, 307, 308):
            raise RequestRejected(redacted(_redirected(request, answer), self._hidden()), status=status)
        why = f"{status}{_colon(self._message(answer))}"
        retry_after = _retry_after(answer.headers.get("retry-after"))
        if status == 429 or (status == 503 and retry_after is not None):
            raise Failed(Went.TURNED_AWAY, why, retry_after)
        if status >= 500 or status in (408, 425):
            raise Failed(Went.LOST, why, retry_after)
        raise self._rejected(request, answer)

    def _rejected(self, request: Request, answer: Answer) -> RequestRejected:
        kind, advice = _REJECTIONS.get(answer.status, (RequestRejected, ""))
        if kind is ModelNotFound and request.identity is None:
            kind, advice = RequestRejected, f"is {self.settings.shown_endpoint} the API's address?"
        message = f"{request.what}: {answer.status}{_colon(self._message(answer))}"
        if kind is AuthenticationFailed:
            advice = f"{self.settings.shown_endpoint} does not accept the API key; {advice}"
        return kind(
            f"{message}{_colon(advice)}", status=answer.status, request_id=_request_id(answer, self._hidden())
        )

    def _message(self, answer: Answer) -> str:
        try:
            found = answer.json()
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


# ---- reading an answer


def _data_of(found: Json, identity: Identifier, sent: Json) -> Live:
    return _of(found.get("data") if isinstance(found, dict) else None, identity, sent)


def _of(found: Json, identity: Identifier, sent: Json = None) -> Live:
    """The model in an answer, where it is the one that was asked for; one without a version is taken for that."""
    if not isinstance(found, dict) or not isinstance(found.get("model_saved_name"), str):
        raise UnexpectedResponse("answered without the model's data")
    config = found.get("model_config")
    version = (config.get("model_version") if isinstance(config, dict) else None) or found.get("model_version")
    if (found["model_saved_name"], version or identity.version) != (identity.name, identity.version):
        raise UnexpectedResponse(f"answered with another model, {found['model_saved_name']}")
    return schema.read(found if version else {**found, "model_version": identity.version}, sent)


def _models_of(found: Json) -> list[Json]:
    models = found.get("models") if isinstance(found, dict) else None
    if not isinstance(models, list):
        raise UnexpectedResponse("answered without a list of models")
    return models


def _retry_after(value: str | None) -> float | None:
    """Seconds, from either form of the header; None where there is none or it says nothing."""
    if value is None:
        return None
    try:
        return float(value) if value.strip().isdigit() else max(0.0, timestamp(value) - time.time())
    except (ValueError, TypeError, OverflowError):
        return None


def _redirected(request: Request, answer: Answer) -> str:
    where = _host_in(answer.headers.get(ASIDE, "")) or "another place"
    return (
        f"{request.what}: {answer.status} to {plain(where, 100)}: redirects are not followed, since the key would "
        "go with them; if that is the API's address, set enkrypt:endpoint to it"
    )


def _host_in(url: str) -> str:
    """`https://HOST`, or "" where `url` names none."""
    try:
        target = urlsplit(url)
        return f"{target.scheme}://{target.hostname}" if target.hostname else ""
    except ValueError:
        return ""


def _request_id(answer: Answer, secrets: list[str]) -> str:
    try:
        found = answer.json()
    except UnexpectedResponse:
        found = None
    in_body = found.get("request_id") if isinstance(found, dict) else None
    text = in_body if isinstance(in_body, str) else answer.headers.get("x-enkrypt-correlation-id", "")
    return redacted(text, secrets)


def _colon(text: str) -> str:
    return f": {text}" if text else ""
