"""HTTP in and out: the routes, and the way of each request through dial, call and journal.

Here: routes, authentication, status codes of what goes wrong, the options. Not here: the calls (calls), what a fault
does (spoil).
"""

from __future__ import annotations

import os
import threading
import time
from collections.abc import Callable, Iterable, Mapping
from dataclasses import replace
from datetime import datetime, timezone
from functools import partial

import flask
from werkzeug.exceptions import HTTPException

from . import spoil
from .answers import Problem, json_answer, json_in
from .calls import CALLS, Ask, Incoming, Settings
from .database import Database, DatabaseFailed, DatabaseFull
from .faults import Dial, Fault, FaultError, as_json, faults_in
from .journal import Entry, Journal
from .limits import NO_LIMITS, Limiter, LimitError, Limits, Refusal, limits_in
from .quirks import quirks_in
from .rules import Dialect, Refused
from .store import Clock, Store, Taken, Unknown

BODY_LIMIT = 8 * 2**20  # bytes [G]


# What goes wrong, as the caller hears it: the status, and the message ({} is the exception's own text).
PROBLEMS: Mapping[type[Exception], tuple[int, str]] = {
    Refused: (400, "{}"),
    FaultError: (400, "{}"),
    LimitError: (400, "{}"),
    RecursionError: (400, "the body is nested too deeply"),  # [G]
    Unknown: (404, "no model {} is registered"),
    Taken: (409, "a model {} is already registered"),  # [G] the status
    DatabaseFull: (507, "{}"),
    DatabaseFailed: (500, "{}"),
}


def _problem(error: Exception) -> Problem:
    if isinstance(error, Problem):
        return error
    if isinstance(error, HTTPException):
        return Problem(error.code or 500, error.description or error.name)
    status, message = PROBLEMS[type(error)]
    return Problem(status, message.format(error))


_EXPECTED: tuple[type[Exception], ...] = (Problem, *PROBLEMS)
_REFUSED: tuple[type[Exception], ...] = (HTTPException, *_EXPECTED)


class Emulator:
    """Takes each request through the dial, the call and the journal."""

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
        self.limiter = limiter
        self.dial = Dial(database, seed)
        self.journal = Journal(database) if record else None
        self._store = Store(database, clock)
        self._settings = settings
        self._keys = keys
        self._clock = clock
        self._sleep = sleep

    def answer(self, name: str, request: flask.Request) -> flask.Response:
        began = time.perf_counter()
        body = request.get_data(cache=False)
        incoming = Incoming(request.method, request.path, request.headers, body)
        if refusal := self._over_limit(incoming):
            response = json_answer({"message": "Minute Rate limit exceeded"}, 429)
            self._record(began, incoming, name, [refusal.rule], response)
            return response
        faults = self.dial.fire(name, incoming.about(name))
        response = self._answer(name, incoming, faults)
        self._record(began, incoming, name, [fault.spelled() for fault in faults], response)
        return response

    def _over_limit(self, incoming: Incoming) -> Refusal | None:
        """A key that is not accepted is told so, and counts for nothing."""
        apikey = incoming.headers.get("apikey", "")
        is_accepted = apikey and (self._keys is None or self._keys.get(apikey))
        return self.limiter.refuse(apikey, incoming.path) if is_accepted else None

    def _answer(self, name: str, incoming: Incoming, faults: list[Fault]) -> flask.Response:
        if delay := sum(fault.delay for fault in faults):
            self._sleep(delay)
        idle = [fault for fault in faults if not fault.work]
        if early := spoil.reset(faults, "before") or spoil.status(idle):
            return early
        try:
            payload = CALLS[name][2](self._ask(incoming, faults))
        except _EXPECTED as error:
            answer = _problem(error).answer()
        else:
            answer = spoil.garbage(faults, payload) or json_answer(payload)
        if lost := spoil.reset(faults, "after"):
            return lost
        answer = spoil.status(faults) or answer
        return spoil.truncated(answer) if any(fault.truncate for fault in faults) else answer

    def _ask(self, incoming: Incoming, faults: list[Fault]) -> Ask:
        account = account_of(incoming.headers.get("apikey", ""), self._keys)
        return Ask(incoming, account, self._store, _under(faults, self._settings))

    def refuse(self, request: flask.Request, error: Exception) -> flask.Response:
        """A request that reached no call."""
        answer = _problem(error).answer()
        if not request.path.startswith("/_emulator/"):
            incoming = Incoming(request.method, request.path, request.headers, b"")
            self._record(time.perf_counter(), incoming, None, [], answer)
        return answer

    def _record(
        self, began: float, incoming: Incoming, call: str | None, faults: list[str], answer: flask.Response
    ) -> None:
        if not self.journal:
            return
        about = incoming.about(call) if call else None
        self.journal.record(
            Entry(
                at=self._clock().isoformat(timespec="microseconds"),
                seconds=round(time.perf_counter() - began, 6),
                method=incoming.method,
                path=incoming.path,
                call=call,
                model_saved_name=about.model_saved_name if about else None,
                model_version=about.model_version if about else None,
                status=None if spoil.is_reset(answer) else answer.status_code,
                faults=faults,
                body=incoming.masked,
            )
        )


def _under(faults: list[Fault], settings: Settings) -> Settings:
    if not faults:
        return settings
    return replace(
        settings,
        stale=any(fault.stale for fault in faults),
        mask_apikeys=settings.mask_apikeys or any(fault.mask_apikeys for fault in faults),
        list_details=settings.list_details and not any(fault.without_details for fault in faults),
    )


def account_of(apikey: str, keys: Mapping[str, str] | None) -> str:
    """Any key but none is good where no keys were given. The status is what the gateway answers [I]."""
    account = keys.get(apikey) if keys is not None else apikey and "default"
    if not account:
        raise Problem(401, "Unauthorized" if apikey else "No API key found in request")
    return account


def dial_call(emulator: Emulator) -> flask.Response:
    """Not part of the API: POST turns the dial to a JSON list of faults, GET reads it, DELETE clears it."""
    if flask.request.method == "POST":
        emulator.dial.turn(faults_in(json_in(flask.request.get_data())), anew=True)
    elif flask.request.method == "DELETE":
        emulator.dial.turn([], anew=True)
    return json_answer(as_json(emulator.dial.setting()))


def limits_call(emulator: Emulator) -> flask.Response:
    """Not part of the API: POST sets the rate limits, DELETE takes them away, GET reads them and counts what they
    refused."""
    limiter = emulator.limiter
    if flask.request.method == "POST":
        limiter.set(limits_in(json_in(flask.request.get_data())))
    elif flask.request.method == "DELETE":
        limiter.set(NO_LIMITS)
    counts = {"violations": limiter.counts["violation"], "locked_out": limiter.counts["lockout"]}
    return json_answer({**limiter.limits.model_dump(), **counts})


def journal_call(emulator: Emulator) -> flask.Response:
    """Not part of the API: GET gives the last requests, oldest first; DELETE forgets them."""
    if not (journal := emulator.journal):
        raise Problem(404, "requests are not recorded: create_app(record=True)")
    if flask.request.method == "DELETE":
        journal.clear()
    return json_answer(journal.entries())


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
    """The Models API as a WSGI application over the SQLite file `db`, made where it is missing.

    `keys` maps each accepted API key to its account; None accepts any key, for the account "default".
    `mask_apikeys` answers "xxxxx" for every key; `cache_reads` answers reads from a cache that only
    `X-Enkrypt-Refresh-Cache: true` renews; `list_details=False` lists without `model_config`.
    `quirks` are names of `quirks.NAMES` with commas between them, for a server that normalises what it was sent.
    `record` keeps the last requests for `GET /_emulator/requests`; `page` shows a browser on this machine what is
    registered, at `/`. `faults` turns the dial, which all processes on the file share: None leaves it as it is, and
    the same faults again go on counting. `limits` refuses what a key asks too fast, as `LIKE_VENDOR` does;
    `monotonic` is the time, in seconds, that they go by. `config["DATABASE_ID"]` of the result is the file's id.
    """
    settings = Settings(dialect, mask_apikeys, cache_reads, list_details, quirks=quirks_in(quirks))
    database = Database(db)
    limiter = Limiter(limits, monotonic)
    emulator = Emulator(database, settings, keys, record=record, seed=seed, limiter=limiter, clock=clock, sleep=sleep)
    if faults is not None:
        emulator.dial.turn(faults, anew=False)
    with _ROUTING:
        app = _routed(emulator)
        app.config["DATABASE_ID"] = database.id
        if page:
            from .page import page_of

            about = f"Dialect {dialect}, database {database.path}"
            app.register_blueprint(page_of(database, emulator.dial, emulator.journal, about))
    return app


# werkzeug compiles routes; in CPython 3.11 two threads that do so at once fail ("AST constructor recursion depth").
_ROUTING = threading.Lock()


def _routed(emulator: Emulator) -> flask.Flask:
    app = flask.Flask(__name__, static_folder=None)
    app.config["MAX_CONTENT_LENGTH"] = BODY_LIMIT
    app.extensions["emulator"] = emulator
    add = partial(app.add_url_rule, provide_automatic_options=False)
    for name, (method, path, _) in CALLS.items():
        add(path, name, partial(emulator.answer, name, flask.request), methods=[method])
    add("/_emulator/faults", "dial", partial(dial_call, emulator), methods=["GET", "POST", "DELETE"])
    add("/_emulator/limits", "limits", partial(limits_call, emulator), methods=["GET", "POST", "DELETE"])
    add("/_emulator/requests", "journal", partial(journal_call, emulator), methods=["GET", "DELETE"])
    for error in _REFUSED:
        app.register_error_handler(error, partial(emulator.refuse, flask.request))
    return app
