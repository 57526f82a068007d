"""The application: its options and routes, and each request's path through rate limits, faults, call and log."""

from __future__ import annotations

import os
import threading
import time
from collections.abc import Callable, Iterable, Mapping
from dataclasses import replace
from datetime import datetime, timezone
from functools import partial

import flask
from werkzeug.exceptions import HTTPException, NotFound

from . import control, fault_effects
from .calls import CALLS, Call, Request, Settings
from .database import Database, DatabaseFailed, DatabaseFull
from .faults import Dial, Fault, FaultError
from .limits import NO_LIMITS, Limiter, LimitError, Limits, Refusal
from .objects import Objects
from .quirks import quirks_in
from .request_log import Entry, RequestLog
from .responses import ApiError, json_response
from .store import Clock, Store, Taken, Unknown
from .validation import Dialect, Refused

BODY_LIMIT = 8 * 2**20  # bytes [G]

# The status and message of each expected error; {} is the exception's own text.
ERRORS: Mapping[type[Exception], tuple[int, str]] = {
    Refused: (400, "{}"),
    FaultError: (400, "{}"),
    LimitError: (400, "{}"),
    RecursionError: (400, "the body is nested too deeply"),  # [G]
    Unknown: (404, "{}"),
    Taken: (409, "{}"),  # [G] the status
    DatabaseFull: (507, "{}"),
    DatabaseFailed: (500, "{}"),
}
EXPECTED: tuple[type[Exception], ...] = (ApiError, *ERRORS)


def _error_response(error: Exception) -> flask.Response:
    if isinstance(error, HTTPException):
        error = ApiError(error.code or 500, error.description or error.name)
    elif not isinstance(error, ApiError):
        status, message = ERRORS[type(error)]
        error = ApiError(status, message.format(error))
    return error.response()


class Emulator:
    """Passes each request through the rate limits, the fault dial, the call and the log."""

    def __init__(
        self,
        database: Database,
        settings: Settings,
        keys: Mapping[str, str] | None,
        *,
        record: bool,
        seed: int,
        limiter: Limiter,
        clock: Clock,
        sleep: Callable[[float], object],
    ) -> None:
        self.close = database.close
        self.dial = Dial(database, seed)
        self.limiter = limiter
        self.log = RequestLog(database) if record else None
        self._store = Store(database, clock)
        self._objects = Objects(database, clock)
        self._settings = settings
        self._keys = keys
        self._clock = clock
        self._sleep = sleep

    def respond(self, name: str) -> flask.Response:
        """Respond to the request in Flask's context, which is for the call `name`."""
        began = time.perf_counter()
        request = Request.of(flask.request)
        if refusal := self._over_limit(request):
            response = json_response({"message": "Minute Rate limit exceeded"}, 429)
            self._record(began, request, name, [refusal.rule], response)
            return response
        faults = self.dial.fire(name, request.about(name))
        response = self._response(name, request, faults)
        self._record(began, request, name, [fault.spelled() for fault in faults], response)
        return response

    def _over_limit(self, request: Request) -> Refusal | None:
        """Apply the rate limits. Requests with an unaccepted key are not counted; the call itself refuses them."""
        apikey = request.headers.get("apikey", "")
        is_accepted = apikey and (self._keys is None or self._keys.get(apikey))
        return self.limiter.refuse(apikey, request.path) if is_accepted else None

    def _response(self, name: str, request: Request, faults: list[Fault]) -> flask.Response:
        if delay := sum(fault.delay for fault in faults):
            self._sleep(delay)
        idle = [fault for fault in faults if not fault.work]
        if early := fault_effects.reset(faults, "before") or fault_effects.status(idle):
            return early
        try:
            payload = CALLS[name][2](self._call(request, faults))
        except EXPECTED as error:
            response = _error_response(error)
        else:
            response = fault_effects.garbage(faults, payload) or json_response(payload)
        if lost := fault_effects.reset(faults, "after"):
            return lost
        response = fault_effects.status(faults) or response
        return fault_effects.truncated(response) if any(fault.truncate for fault in faults) else response

    def _call(self, request: Request, faults: list[Fault]) -> Call:
        account = _account(request.headers.get("apikey", ""), self._keys)
        return Call(request, account, self._store, _settings_under(faults, self._settings), self._objects)

    def refuse(self, error: Exception) -> flask.Response:
        """Respond to a request that failed outside of any call."""
        response = _error_response(error)
        if not flask.request.path.startswith(control.PREFIX):
            request = Request.of(flask.request, b"")
            self._record(time.perf_counter(), request, None, [], response)
        return response

    def _record(
        self, began: float, request: Request, call: str | None, faults: list[str], response: flask.Response
    ) -> None:
        if not self.log:
            return
        about = request.about(call) if call else None
        kind, name = request.subject(call) if call else (None, None)
        self.log.record(
            Entry(
                at=self._clock().isoformat(timespec="microseconds"),
                seconds=round(time.perf_counter() - began, 6),
                method=request.method,
                path=request.path,
                call=call,
                kind=kind,
                name=name,
                model_saved_name=about.model_saved_name if about else None,
                model_version=about.model_version if about else None,
                status=None if fault_effects.is_reset(response) else response.status_code,
                faults=faults,
                body=request.masked,
            )
        )


def _settings_under(faults: list[Fault], settings: Settings) -> Settings:
    """Return the settings as changed by these faults."""
    if not faults:
        return settings
    return replace(
        settings,
        stale=any(fault.stale for fault in faults),
        mask_apikeys=settings.mask_apikeys or any(fault.mask_apikeys for fault in faults),
        list_details=settings.list_details and not any(fault.without_details for fault in faults),
    )


def _account(apikey: str, keys: Mapping[str, str] | None) -> str:
    """Return the account of a key; without `keys`, any key has "default". The status 401 is the gateway's [I]."""
    account = keys.get(apikey) if keys is not None else apikey and "default"
    if not account:
        raise ApiError(401, "Unauthorized" if apikey else "No API key found in request")
    return account


def create_app(
    db: str | os.PathLike[str],
    *,
    dialect: Dialect = "v1",
    keys: Mapping[str, str] | None = None,
    mask_apikeys: bool = False,
    cache_reads: bool = False,
    list_details: bool = True,
    quirks: str = "",
    record: bool = False,
    page: bool = False,
    faults: Iterable[Fault] | None = None,
    seed: int = 0,
    limits: Limits = NO_LIMITS,
    monotonic: Callable[[], float] = time.monotonic,
    clock: Clock = lambda: datetime.now(timezone.utc),
    sleep: Callable[[float], object] = time.sleep,
) -> flask.Flask:
    """Return the Enkrypt AI API as a WSGI application over the SQLite file `db`, which is created if missing.

    `keys` maps each accepted API key to its account; None accepts any key, for the account "default".
    `mask_apikeys` shows "xxxxx" for every key; `cache_reads` serves reads from a cache that only
    `X-Enkrypt-Refresh-Cache: true` renews; `list_details=False` lists models without `model_config`.
    `quirks` are comma-separated names from `quirks.NAMES`, for a server that normalises what it is sent.
    `record` keeps the last requests for `GET /_emulator/requests`; `page` shows the registrations at `/`, to browsers
    on this machine. `faults` sets the fault dial, which all processes on the file share: None leaves it as it is, and
    setting the same faults again keeps their counts. `limits` are the rate limits of each key, such as `LIKE_VENDOR`;
    `monotonic` is their clock, in seconds. `config["DATABASE_ID"]` of the result is the file's id.
    """
    settings = Settings(dialect, mask_apikeys, cache_reads, list_details, quirks=quirks_in(quirks))
    database = Database(db)
    limiter = Limiter(limits, monotonic)
    emulator = Emulator(database, settings, keys, record=record, seed=seed, limiter=limiter, clock=clock, sleep=sleep)
    if faults is not None:
        emulator.dial.set(faults, anew=False)
    with _ROUTING:
        try:
            app = _routed(emulator)
        except SystemError:
            app = _routed(emulator)
        app.config["DATABASE_ID"] = database.id
        if page:
            _add_page(app, emulator, database, f"Dialect {dialect}, database {database.path}")
    return app


# werkzeug parses routes; in CPython 3.11 two threads that parse at once fail ("AST constructor recursion depth").
# A thread that formats a traceback parses too, and this lock cannot stop it: hence the second try.
_ROUTING = threading.Lock()


def _routed(emulator: Emulator) -> flask.Flask:
    app = flask.Flask(__name__, static_folder=None)
    app.config["MAX_CONTENT_LENGTH"] = BODY_LIMIT
    app.extensions["emulator"] = emulator
    for name, (method, path, _) in CALLS.items():
        view = partial(emulator.respond, name)
        app.add_url_rule(path, name, view, methods=[method], provide_automatic_options=False)
    control.add_routes(app, emulator.dial, emulator.limiter, emulator.log)
    app.register_error_handler(HTTPException, emulator.refuse)
    for error in EXPECTED:
        app.register_error_handler(error, emulator.refuse)
    return app


def _add_page(app: flask.Flask, emulator: Emulator, database: Database, about: str) -> None:
    from .page import missing_page, page_of, wants_page

    def not_found(error: NotFound) -> flask.Response:
        return missing_page(error) if wants_page(flask.request) else emulator.refuse(error)

    app.register_blueprint(page_of(database, emulator.dial, emulator.log, about))
    app.register_error_handler(NotFound, not_found)
