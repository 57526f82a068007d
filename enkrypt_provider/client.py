"""The Models API: one method per call, and one choke point (`_exchange`) through which every request goes.

Sends what it is given and answers the API's own JSON; what a document means is schema.py's to say, what may
be sent again retry.py's. Every answer is bounded in size and time, and no error says more of it than one
line without the keys that were sent.
"""

from __future__ import annotations

import base64
import contextlib
import json
import sys
import time
import zlib
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from email.utils import parsedate_to_datetime
from typing import Final, NoReturn, TypeVar
from urllib.parse import quote, urlsplit

import httpx

from . import schema
from .errors import (
    AuthenticationFailed,
    ConfigurationError,
    ModelExists,
    ModelNotFound,
    RequestRejected,
    UnexpectedResponse,
    plain,
)
from .fields import SECRETS
from .retry import Failed, Patience, Went, persist
from .schema import Identifier, Json
from .settings import Settings

T = TypeVar("T")

ANSWER_LIMIT: Final = 4 * 2**20
LIST_LIMIT: Final = 16 * 2**20
"""Bytes of one answer, decompressed; as objects they can be thirty times that. What a longer list says is asked for
model by model."""
VISIBILITY_WAITS: Final = (0.0, 0.5, 1.0, 2.0)
"""Seconds before each look-up of a model whose creation was not answered: replicas lag."""

_NEVER_SENT: Final = (
    httpx.ConnectError,
    httpx.ConnectTimeout,
    httpx.PoolTimeout,
    httpx.ProxyError,
    httpx.UnsupportedProtocol,
)


@dataclass(frozen=True)
class Request:
    """One call of the API. `what` names it to a person; `secrets` must not come back in an error."""

    method: str
    path: str
    what: str
    identity: Identifier | None = None
    body: Json = None
    secrets: tuple[str, ...] = field(default=(), repr=False)
    limit: int = ANSWER_LIMIT

    @property
    def headers(self) -> dict[str, str]:
        headers = {"X-Enkrypt-Refresh-Cache": "true"} if self.method == "GET" else {}
        if self.identity:
            headers["X-Enkrypt-Model"] = self.identity.name
            headers["X-Enkrypt-Model-Version"] = self.identity.version
        return headers


@dataclass(frozen=True)
class Answer:
    """What came back: a status, the headers, the whole body."""

    status: int
    headers: httpx.Headers
    body: bytes

    def json(self) -> Json:
        """The body's JSON. Raises `UnexpectedResponse` where it is none."""
        try:
            return json.loads(self.body, parse_constant=_no_constant)
        except (ValueError, RecursionError):
            start = "HTML" if self.body.lstrip()[:1] == b"<" else "a body that is not JSON"
            raise UnexpectedResponse(f"answered {self.status} with {start if self.body else 'nothing'}") from None


def _no_constant(name: str) -> NoReturn:
    raise ValueError(name)


def announce(line: str) -> None:
    """Shows a line in the console, live, under the stack: what a provider prints, the engine shows."""
    print(line, file=sys.stderr, flush=True)


class EnkryptClient:
    """The five calls and the health check of one account. Safe for many threads; one per process is enough.

    `transport` stands in for the network; `patience` and `clock` for time.
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
        self.clock_offset = 0.0
        """Seconds by which the API's clock is ahead of this machine's, as of its last answer."""
        self._http = _connect(settings, transport or _embedded(settings))

    def __repr__(self) -> str:
        return f"EnkryptClient({self.settings.shown_endpoint!r})"

    def close(self) -> None:
        """Closes the connections."""
        self._http.close()

    def add_model(
        self,
        body: Mapping[str, Json],
        identity: Identifier,
        look: Callable[[], Json | None] = lambda: None,
        doubt: Callable[[], None] = lambda: None,
    ) -> Json:
        """POST `/models/add-model`: the model as the server has it.

        Where the answer is lost, `look` is asked whether the work was done: what it returns is the answer,
        None means that it was not. `doubt` is told as soon as it may have been done without an answer. Raises
        `ModelExists` where the identity is taken.
        """
        request = Request("POST", "/models/add-model", f"create {identity}", body=body, secrets=secrets_in(body))
        return self._persist(request, lambda answer: _data_of(answer.json(), identity), look, doubt)

    def get_model(self, identity: Identifier) -> Json:
        """GET `/models/get-model`, past the server's cache: the bare object. Raises `ModelNotFound`."""
        request = Request("GET", "/models/get-model", f"read {identity}", identity)
        return self._persist(request, lambda answer: _of(answer.json(), identity))

    def list_models(self) -> list[Json]:
        """GET `/models/list-models`, past the server's cache: every registration of the account."""
        request = Request("GET", "/models/list-models", "list the models", limit=LIST_LIMIT)
        return self._persist(request, lambda answer: _models_of(answer.json()))

    def modify_model(self, identity: Identifier, body: Mapping[str, Json]) -> Json:
        """PATCH `/models/modify-model` with the whole object: the model as the server has it.

        Raises `ModelNotFound`.
        """
        request = Request(
            "PATCH", "/models/modify-model", f"update {identity}", identity, body, secrets=secrets_in(body)
        )
        return self._persist(request, lambda answer: _data_of(answer.json(), identity))

    def delete_model(self, identity: Identifier) -> None:
        """DELETE `/models/delete-model`. Raises `ModelNotFound`. The answer's body says nothing of use [G]."""
        request = Request("DELETE", "/models/delete-model", f"delete {identity}", identity)
        self._persist(request, lambda _answer: None)

    def model_health(self, identity: Identifier) -> Json:
        """POST `/rt/model/model-health`: the answer's JSON, whose shape is not known."""
        request = Request("POST", "/rt/model/model-health", f"check the health of {identity}", identity)
        return self._persist(request, Answer.json)

    def find_model(self, identity: Identifier, waits: tuple[float, ...] = (0.0,)) -> Json | None:
        """The model, or None where it is not there, looked for once after each of `waits`, seconds."""
        try:
            return self.visible(lambda: self.get_model(identity), waits)
        except ModelNotFound:
            return None

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
        try:
            answer = self._send(request)
        except _NEVER_SENT as error:
            raise Failed(Went.NEVER_SENT, f"{self._reach(error)}") from None
        except httpx.TimeoutException:
            raise Failed(Went.LOST, f"no answer within {self.settings.timeout:g} s") from None
        except (httpx.TransportError, ConnectionError) as error:
            raise Failed(Went.LOST, f"the connection broke ({type(error).__name__})") from None
        if answer.status >= 300:
            self._refuse(request, answer)
        return answer

    def _send(self, request: Request) -> Answer:
        content = None if request.body is None else _encode(request.body)
        headers = request.headers | ({"Content-Type": "application/json"} if content is not None else {})
        until = self._clock() + self.settings.timeout
        with self._http.stream(request.method, request.path, content=content, headers=headers) as response:
            self._note_clock(response.headers.get("date"))
            body = self._receive(response, request.limit, until)
            return Answer(response.status_code, response.headers, body)

    def _receive(self, response: httpx.Response, limit: int, until: float) -> bytes:
        body = bytearray()
        for chunk in response.iter_raw():  # a size would gather a slow drip before the clock is read
            body += chunk
            if len(body) > limit:
                raise UnexpectedResponse(f"answered {response.status_code} with more than {limit:,} bytes")
            if self._clock() > until:
                raise httpx.ReadTimeout("the answer as a whole")
        return _decompressed(bytes(body), response.headers.get("content-encoding", ""), limit)

    def _note_clock(self, date: str | None) -> None:
        with contextlib.suppress(ValueError, TypeError, OverflowError):
            self.clock_offset = _timestamp(date) - time.time() if date else self.clock_offset

    def _reach(self, error: Exception) -> str:
        reason = plain(redacted(str(error), [self.settings.api_key.reveal()]), 160)
        where = f"{self.settings.shown_endpoint} cannot be reached ({reason or type(error).__name__})"
        return f"{where}: check enkrypt:endpoint, the network and HTTPS_PROXY"

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


def _connect(settings: Settings, transport: httpx.BaseTransport | None) -> httpx.Client:
    try:
        return httpx.Client(
            base_url=settings.endpoint or "http://embedded.invalid",
            headers={
                "apikey": settings.api_key.reveal(),
                "Accept": "application/json",
                # A compressed answer could be a bomb; a refused one costs a few bytes.
                "Accept-Encoding": "identity",
                "User-Agent": "enkrypt-provider (Pulumi)",
            },
            timeout=httpx.Timeout(settings.timeout, connect=min(settings.timeout, 10.0)),
            transport=transport,
            follow_redirects=False,  # the key never follows one
            event_hooks={"response": [_put_location_aside]},
            # A proxy is asked for a tunnel to https; plain http, this machine's own, must not leave it.
            trust_env=settings.endpoint.casefold().startswith("https:"),
        )
    except OSError:
        wrong = "SSL_CERT_FILE must name a readable file of certificates (PEM)"
    except ImportError:
        wrong = "a SOCKS proxy needs one more package: pip install 'httpx[socks]'"
    except (httpx.InvalidURL, ValueError):
        wrong = "HTTPS_PROXY or ALL_PROXY holds no proxy's URL: percent-encode what is odd in its password"
    # Outside of `except`: what httpx says repeats parts of the URL, a password perhaps, and must not be chained.
    raise ConfigurationError(wrong)


def _embedded(settings: Settings) -> httpx.BaseTransport | None:
    if settings.database is None:
        return None
    from .emulator import create_app
    from .emulator.database import NotOurs

    try:
        return httpx.WSGITransport(app=create_app(settings.database, dialect=settings.dialect))
    except NotOurs as error:
        raise ConfigurationError(f"enkrypt:endpoint: {plain(error, 400)}") from None


def _encode(body: Json) -> bytes:
    return json.dumps(body, ensure_ascii=False, allow_nan=False, separators=(",", ":")).encode()


def _decompressed(body: bytes, encoding: str, limit: int) -> bytes:
    if encoding.lower() in ("", "identity"):
        return body
    if encoding.lower() not in ("gzip", "deflate"):
        raise UnexpectedResponse(f"answered in the encoding {plain(encoding, 20)!r}, which was not asked for")
    try:
        unzip = zlib.decompressobj(wbits=47)  # 47: gzip or zlib, by its header
        whole = unzip.decompress(body, limit + 1)
    except zlib.error:
        raise UnexpectedResponse("answered with a compressed body that is broken") from None
    if len(whole) > limit or not unzip.eof:
        raise UnexpectedResponse(f"answered with a compressed body that is cut short or over {limit:,} bytes")
    return whole


# ---- reading an answer


def _data_of(found: Json, identity: Identifier) -> Json:
    return _of(found.get("data") if isinstance(found, dict) else None, identity)


def _of(found: Json, identity: Identifier) -> Json:
    """The model in an answer, where it is the one that was asked for; one without a version is taken for that."""
    if not isinstance(found, dict) or not isinstance(found.get("model_saved_name"), str):
        raise UnexpectedResponse("answered without the model's data")
    config = found.get("model_config")
    version = (config.get("model_version") if isinstance(config, dict) else None) or found.get("model_version")
    if (found["model_saved_name"], version or identity.version) != (identity.name, identity.version):
        raise UnexpectedResponse(f"answered with another model, {found['model_saved_name']}")
    schema.read(found)  # what is not whole is no answer
    return found if version else {**found, "model_version": identity.version}


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
        return float(value) if value.strip().isdigit() else max(0.0, _timestamp(value) - time.time())
    except (ValueError, TypeError, OverflowError):
        return None


def _timestamp(date: str) -> float:
    return parsedate_to_datetime(date).timestamp()


def _redirected(request: Request, answer: Answer) -> str:
    where = _host_in(answer.headers.get(_ASIDE, "")) or "another place"
    return (
        f"{request.what}: {answer.status} to {plain(where, 100)}: redirects are not followed, since the key would "
        "go with them; if that is the API's address, set enkrypt:endpoint to it"
    )


_ASIDE: Final = "x-not-followed"


def _put_location_aside(response: httpx.Response) -> None:
    """The HTTP client would prepare to follow it all the same, and fail where it leads nowhere."""
    if place := response.headers.pop("location", None):
        response.headers[_ASIDE] = place


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


# ---- keys stay out of sight


def secrets_in(body: Mapping[str, Json]) -> tuple[str, ...]:
    """Every text in a body that a person must never see."""
    config = body.get("model_config")
    hidden = ([config.get(path.rpartition(".")[2]) for path in SECRETS]) if isinstance(config, Mapping) else []
    return tuple(_texts(hidden))


def _texts(value: Json) -> Iterator[str]:
    if isinstance(value, str):
        yield value
    elif isinstance(value, Mapping | list):
        for item in value.values() if isinstance(value, Mapping) else value:
            yield from _texts(item)


def redacted(text: str, secrets: Iterable[str]) -> str:
    """`text` with `***` for each secret, in the clear, URL-encoded or in base64."""
    shapes = {shape for secret in secrets for shape in (secret, quote(secret, safe=""), _base64(secret))}
    for shape in sorted(shapes, key=len, reverse=True):  # one secret may begin another
        if len(shape) > 3:
            text = text.replace(shape, "***")
    return text


def _base64(secret: str) -> str:
    return base64.b64encode(secret.encode()).decode().rstrip("=")


def _colon(text: str) -> str:
    return f": {text}" if text else ""
