"""The web page: the registrations, their history and the last requests.

It is read-only, serves only this machine and never shows a key. This module has the routes and headers; the display
of values is in formatting, the queries in history and request_log.
"""

from __future__ import annotations

from dataclasses import dataclass

import flask
from werkzeug.exceptions import Forbidden, HTTPException, NotFound

from .. import origin, policies
from ..database import Database, DatabaseFailed
from ..faults import Dial
from ..history import History
from ..request_log import RequestLog
from . import formatting

ROWS = 50  # on one page of a table
REQUESTS = 10  # on the page of a registration
MISSING = "No {} has this id, or it was deleted and its history is no longer kept."
KINDS = {"model": "models", **{kind.noun: kind.plural for kind in policies.KINDS}}
SEARCHED = {
    "model": "name, version, protocol, host",
    "policy": "name, description",
    "deployment": "name, model, policy",
}
HEADERS = {
    "Content-Security-Policy": "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self'; "
    "connect-src 'self'; form-action 'self'; base-uri 'none'; frame-ancestors 'none'",
    "X-Content-Type-Options": "nosniff",
    "Referrer-Policy": "no-referrer",
    "Cache-Control": "no-store",
}

SHOWN = {
    show.__name__: show
    for show in (
        formatting.about,
        formatting.cells,
        formatting.differences,
        formatting.event,
        formatting.groups,
        formatting.indented,
        formatting.moment,
    )
}


@dataclass(frozen=True)
class Part:
    """One page of a table: `number` of `count` pages, filtered by `words` and account."""

    words: str
    account: str
    total: int
    asked: int

    @property
    def count(self) -> int:
        return max(1, -(-self.total // ROWS))

    @property
    def number(self) -> int:
        return min(max(1, self.asked), self.count)

    @property
    def offset(self) -> int:
        return (self.number - 1) * ROWS

    @property
    def last(self) -> int:
        """The number of the last row."""
        return min(self.offset + ROWS, self.total)

    def query(self, page: int) -> dict[str, str | int]:
        """Return the URL arguments of another page."""
        found = {"q": self.words, "account": self.account, "page": page if page > 1 else ""}
        return {**(flask.request.view_args or {}), **{name: value for name, value in found.items() if value}}


def _asked(name: str) -> str:
    return flask.request.args.get(name, "").strip()


def _part(total: int, words: str = "", account: str = "") -> Part:
    return Part(words, account, total, flask.request.args.get("page", 1, type=int))


class Page:
    def __init__(self, database: Database, dial: Dial, log: RequestLog | None) -> None:
        self._history = History(database)
        self._dial = dial
        self._log = log

    def registered(self, kind: str) -> str:
        words, account = _asked("q"), _asked("account")
        part = _part(self._history.count(kind, account, words), words, account)
        return flask.render_template(
            "registered.html",
            kind=kind,
            plural=KINDS[kind],
            searched=SEARCHED[kind],
            part=part,
            found=self._history.registered(kind, account, words, ROWS, part.offset),
            accounts=self._history.accounts(),
            all=self._history.count(kind),
        )

    def registration(self, kind: str, number: int) -> str:
        """Show a registration, or a deleted one as long as its history is kept."""
        if number >= 2**63:  # SQLite's largest
            raise NotFound(MISSING.format(kind))
        there, changes = self._history.find(kind, number), self._history.changes_of(kind, number)
        if not there and not changes:
            raise NotFound(MISSING.format(kind))
        it = there[0] if there else changes[0].of
        asked = self._log.about(kind, it.name, it.version, REQUESTS) if self._log else None
        return flask.render_template(
            "registration.html", it=it, is_there=bool(there), changes=changes, requests=asked
        )

    def changes(self) -> str:
        part = _part(self._history.count_changes())
        changes = self._history.changes(ROWS, part.offset)
        several = len({change.of.account for change in changes}) > 1
        return flask.render_template("changes.html", part=part, changes=changes, several=several)

    def requests(self) -> str:
        if not self._log:
            return flask.render_template("requests.html", part=None, requests=[], dial=[])
        words = _asked("q")
        part = _part(self._log.count(words), words)
        found = self._log.last(words, ROWS, part.offset)
        return flask.render_template("requests.html", part=part, requests=found, dial=self._dial.setting())


def page_of(database: Database, dial: Dial, log: RequestLog | None, about: str) -> flask.Blueprint:
    """Return the routes of the page, for an application with its own origin; `about` is the footer."""
    routes = flask.Blueprint(
        "page", __name__, template_folder="templates", static_folder="static", static_url_path="/page"
    )
    page = Page(database, dial, log)
    for kind, plural in KINDS.items():
        of = {"kind": kind}
        routes.add_url_rule("/" if kind == "model" else f"/{plural}", view_func=page.registered, defaults=of)
        routes.add_url_rule(f"/{kind}/<int:number>", view_func=page.registration, defaults=of)
    for view in (page.changes, page.requests):
        routes.add_url_rule(f"/{view.__name__}", view_func=view)
    routes.before_request(_for_this_machine)
    routes.after_request(_with_headers)
    for error in (HTTPException, DatabaseFailed):
        routes.register_error_handler(error, _error_page)
    context = {**SHOWN, "foot": about, "kinds": KINDS}
    routes.app_context_processor(lambda: context)
    return routes


def wants_page(request: flask.Request) -> bool:
    """Return whether a browser on this machine asks for a page, rather than a program for JSON."""
    return request.method == "GET" and "text/html" in request.accept_mimetypes.values() and _is_local(request)


def missing_page(error: HTTPException) -> flask.Response:
    """Return the page for an unknown path."""
    message = f"There is nothing at {flask.request.path}."
    page = flask.render_template("error.html", error=error, message=message)
    return _with_headers(flask.make_response(page, error.code))


def _is_local(request: flask.Request) -> bool:
    return not origin.refusal(request.environ) and origin.is_loopback(request.remote_addr or "")


def _for_this_machine() -> None:
    """Refuse other machines and other sites, even under a server that does not."""
    if not _is_local(flask.request):
        raise Forbidden("This page is for a browser on the machine that serves it.")


def _with_headers(response: flask.Response) -> flask.Response:
    """Add the headers, and an ETag so that an unchanged page is not sent again."""
    response.headers.update(HEADERS)
    if response.mimetype == "text/html":
        response.add_etag()
        response.make_conditional(flask.request)
    return response


def _error_page(error: Exception) -> tuple[str, int]:
    code = error.code or 500 if isinstance(error, HTTPException) else 500
    message = error.description if isinstance(error, HTTPException) else str(error)
    return flask.render_template("error.html", error=error, message=message), code
