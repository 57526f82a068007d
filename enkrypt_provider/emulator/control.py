"""The calls that control the emulator, under /_emulator: they are not part of the API and need no key."""

from __future__ import annotations

import flask

from .faults import Dial, as_json, faults_in
from .limits import NO_LIMITS, Limiter, limits_in
from .request_log import RequestLog
from .responses import ApiError, json_in, json_response

PREFIX = "/_emulator/"


def add_routes(app: flask.Flask, dial: Dial, limiter: Limiter, log: RequestLog | None) -> None:
    """Add these calls to an application."""

    def faults() -> flask.Response:
        """POST sets the dial to a JSON list of faults, GET reads it, DELETE clears it."""
        if flask.request.method == "POST":
            dial.set(faults_in(json_in(flask.request.get_data())), anew=True)
        elif flask.request.method == "DELETE":
            dial.set([], anew=True)
        return json_response(as_json(dial.setting()))

    def limits() -> flask.Response:
        """POST sets the rate limits, GET reads them with the counts of refused requests, DELETE removes them."""
        if flask.request.method == "POST":
            limiter.set(limits_in(json_in(flask.request.get_data())))
        elif flask.request.method == "DELETE":
            limiter.set(NO_LIMITS)
        counts = {"violations": limiter.counts["violation"], "locked_out": limiter.counts["lockout"]}
        return json_response({**limiter.limits.model_dump(), **counts})

    def requests() -> flask.Response:
        """GET returns the last requests, oldest first; DELETE clears them."""
        if not log:
            raise ApiError(404, "requests are not recorded: pass record=True to create_app")
        if flask.request.method == "DELETE":
            log.clear()
        return json_response(log.entries())

    for view, methods in ((faults, "GET POST DELETE"), (limits, "GET POST DELETE"), (requests, "GET DELETE")):
        path, name = PREFIX + view.__name__, f"control_{view.__name__}"
        app.add_url_rule(path, name, view, methods=methods.split(), provide_automatic_options=False)
