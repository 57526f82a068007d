"""client.py and responses.py: what is sent, what each response means, and that no error shows a key."""

from __future__ import annotations

import base64
import html
import json
import traceback
from collections.abc import Callable
from datetime import datetime, timedelta, timezone
from email.utils import format_datetime
from typing import Any
from urllib.parse import quote

import httpx
import pytest
from documents import DOCUMENT, answer, canonical, document

from enkrypt_provider.errors import (
    AuthenticationFailed,
    EnkryptError,
    ModelExists,
    ModelNotFound,
    RequestRejected,
    ServiceUnavailable,
    UnexpectedResponse,
)
from enkrypt_provider.kinds import codec
from enkrypt_provider.kinds.kind import Identifier
from enkrypt_provider.kinds.model import MODEL as KIND

from .server import BODY, CALLS, GOOD, HOST, KEY, MODEL, Handler, Server, error_of, every_call, says

# ---- what is sent


@pytest.mark.parametrize(
    ("name", "method", "path", "identity", "refresh", "body"),
    [
        ("create Test_Model/1", "POST", "/models/add-model", False, False, True),
        ("read Test_Model/1", "GET", "/models/get-model", True, True, False),
        ("list the models", "GET", "/models/list-models", False, True, False),
        ("update Test_Model/1", "PATCH", "/models/modify-model", True, False, True),
        ("delete Test_Model/1", "DELETE", "/models/delete-model", True, False, False),
        ("check the health of Test_Model/1", "POST", "/rt/model/model-health", True, False, False),
    ],
)
def test_each_call_is_sent_as_documented(
    name: str, method: str, path: str, identity: bool, refresh: bool, body: bool
) -> None:
    """Each call has its own method, path and headers, and only writes have a body."""
    server = Server(says(GOOD[name]))
    CALLS[name](server.client())
    (sent,) = server.sent
    named = (sent.headers.get("X-Enkrypt-Model"), sent.headers.get("X-Enkrypt-Model-Version"))
    assert (sent.method, str(sent.url)) == (method, f"{HOST}{path}")
    assert named == (("Test_Model", "1") if identity else (None, None))
    assert sent.headers.get("X-Enkrypt-Refresh-Cache") == ("true" if refresh else None)
    assert sent.headers.get("Content-Type") == ("application/json" if body else None)
    assert bool(sent.content) is body


@every_call
def test_each_request_has_the_key_and_asks_for_plain_json(name: str) -> None:
    """The key has its own header, and a compressed response, which could be a bomb, is not asked for."""
    server = Server(says(GOOD[name]))
    CALLS[name](server.client())
    headers = server.sent[0].headers
    assert headers["apikey"] == KEY
    assert headers["User-Agent"].startswith("enkrypt-provider")
    assert (headers["Accept"], headers["Accept-Encoding"]) == ("application/json", "identity")
    assert "Authorization" not in headers


@pytest.mark.parametrize("name", ["create Test_Model/1", "update Test_Model/1"])
def test_the_body_is_the_documents_byte_for_byte(name: str) -> None:
    """The document's own example is sent whole, in its order, without blanks."""
    server = Server(says(GOOD[name]))
    CALLS[name](server.client())
    assert server.sent[0].content == json.dumps(json.loads(DOCUMENT), separators=(",", ":")).encode()


def test_a_body_is_utf8_without_escapes() -> None:
    """Text of any language is sent as UTF-8."""
    server = Server(says(GOOD["create Test_Model/1"]))
    server.client().add_model(canonical(document(model_name="Modèle ☃")), MODEL)
    assert "Modèle ☃".encode() in server.sent[0].content


def test_a_number_that_json_lacks_is_never_sent() -> None:
    """It is a bug of ours."""
    server = Server(says(GOOD["create Test_Model/1"]))
    with pytest.raises(ValueError, match="JSON"):
        server.client().add_model({"a": float("nan")}, MODEL)
    assert server.sent == []


@pytest.mark.parametrize(
    "identity", [Identifier("modèle", "1"), Identifier("a", "1\n2"), Identifier(" a", "1"), Identifier("", "1")]
)
def test_an_identity_that_no_header_can_hold_is_not_found_without_a_call(identity: Identifier) -> None:
    """Whatever a person typed."""
    server = Server(says(answer()))
    with pytest.raises(ModelNotFound, match="not printable ASCII") as caught:
        server.client().get_model(identity)
    assert server.client().find_model(identity) is None
    assert "\n" not in str(caught.value)
    assert server.sent == []


# ---- a success


@every_call
@pytest.mark.parametrize("status", [200, 201, 202, 299])
def test_any_2xx_is_a_success(name: str, status: int) -> None:
    """Which one the API sends is not documented."""
    expected = {
        "list the models": [answer()],
        "delete Test_Model/1": None,
        "check the health of Test_Model/1": GOOD["check the health of Test_Model/1"],
    }
    assert CALLS[name](Server(says(GOOD[name], status)).client()) == expected.get(name, codec.read(KIND, answer()))


@pytest.mark.parametrize(("body", "status"), [(b"", 204), (b"<html>", 200)])
def test_a_delete_needs_no_body(body: bytes, status: int) -> None:
    """What the API says of a deletion is a guess: it is sent once, whatever comes back."""
    server = Server(says(body, status))
    server.client(retries=3).delete_model(MODEL)
    assert len(server.sent) == 1


@pytest.mark.parametrize(
    "found",
    [
        answer(),
        {**answer(model_config__model_version=None), "model_version": "1"},
        answer(model_config__model_version=None),
    ],
)
def test_the_version_may_stand_at_the_root_or_be_left_out(found: Any) -> None:
    """A response without a version is about the model that was asked for."""
    assert Server(says(found)).client().get_model(MODEL) == codec.read(KIND, answer())


# ---- a refusal

# Status, body, error, and what the line says after "OPERATION: ".
REFUSED: list[tuple[int, Any, type[EnkryptError], str]] = [
    (400, {"message": "model_name must be a string"}, RequestRejected, "400: model_name must be a string"),
    (400, {"message": "no", "request_id": "r-1"}, RequestRejected, "400: no (request id r-1)"),
    (400, {"message": ["not", "a", "text"], "request_id": 5}, RequestRejected, "400"),
    (400, ["not", "an", "object"], RequestRejected, "400"),
    (405, b"<html>Not allowed</html>", RequestRejected, "405"),
    (418, b"", RequestRejected, "418"),
    (422, {"message": "two\nlines \x1b[31m"}, RequestRejected, "422: two lines  [31m"),
    (422, {"message": "y" * 400}, RequestRejected, "422: " + "y" * 299 + "…"),
    (
        401,
        {"message": "Unauthorized"},
        AuthenticationFailed,
        f"401: Unauthorized: {HOST} does not accept the API key; set a valid one with "
        "`pulumi config set --secret enkrypt:apiKey`. `refresh` and `destroy` use the key of the last `up`: after a "
        "rotation add --run-program",
    ),
    (
        403,
        b"",
        AuthenticationFailed,
        f"403: {HOST} does not accept the API key; it may be of another project or lack the right to do this",
    ),
    (409, {"message": "taken"}, ModelExists, "409: taken"),
    (304, b"", RequestRejected, "304"),
    (300, b"", RequestRejected, "300"),
    (429, {"message": "slow down"}, ServiceUnavailable, "429: slow down; tried once"),
    (500, {"message": "boom"}, ServiceUnavailable, "500: boom; tried once"),
    (502, b"<html>Bad gateway</html>", ServiceUnavailable, "502; tried once"),
    (503, b"", ServiceUnavailable, "503; tried once"),
    (504, b"", ServiceUnavailable, "504; tried once"),
    (507, {"message": "full"}, ServiceUnavailable, "507: full; tried once"),
    (599, b"", ServiceUnavailable, "599; tried once"),
    (408, b"", ServiceUnavailable, "408; tried once"),
    (425, b"", ServiceUnavailable, "425; tried once"),
]


@every_call
@pytest.mark.parametrize(("status", "body", "kind", "line"), REFUSED)
def test_each_refusal_is_one_line_with_its_cause_and_fix(
    name: str, status: int, body: Any, kind: type[EnkryptError], line: str
) -> None:
    """The line names the operation and the model, the status, the API's words, and what to do."""
    error = error_of(name, says(body, status))
    assert (type(error), str(error)) == (kind, f"{name}: {line}")


@pytest.mark.parametrize(
    ("name", "kind", "advice"),
    [
        ("read Test_Model/1", ModelNotFound, ""),
        ("update Test_Model/1", ModelNotFound, ""),
        ("delete Test_Model/1", ModelNotFound, ""),
        ("create Test_Model/1", RequestRejected, f": is {HOST} the API's address?"),
        ("list the models", RequestRejected, f": is {HOST} the API's address?"),
    ],
)
def test_a_404_to_a_call_that_names_no_model_doubts_the_address(
    name: str, kind: type[EnkryptError], advice: str
) -> None:
    """Only a model that was named can be missing."""
    error = error_of(name, says({"message": "not here"}, 404))
    assert (type(error), str(error)) == (kind, f"{name}: 404: not here{advice}")


def test_the_gateways_id_of_a_request_is_shown_where_the_body_has_none() -> None:
    """A person can name it to the vendor."""
    error = error_of("read Test_Model/1", says({"message": "no"}, 400, x_enkrypt_correlation_id="c-1"))
    assert str(error) == "read Test_Model/1: 400: no (request id c-1)"
    assert isinstance(error, RequestRejected)
    assert (error.status, error.request_id) == (400, "c-1")


@every_call
@pytest.mark.parametrize("status", [301, 302, 303, 307, 308])
def test_a_redirect_is_refused_with_the_place_it_names(name: str, status: int) -> None:
    """Nothing more is sent."""
    server = Server(says(b"", status, location="https://eu.example.com/models?apikey=x"))
    with pytest.raises(RequestRejected) as caught:
        CALLS[name](server.client(retries=5))
    assert str(caught.value) == (
        f"{name}: {status} to https://eu.example.com: redirects are not followed, since the key would go with them; "
        "if that is the API's address, set enkrypt:endpoint to it"
    )
    assert len(server.sent) == 1


@pytest.mark.parametrize("location", ["", "/models/elsewhere", "elsewhere", "https://[half-an-address"])
def test_a_redirect_without_a_host_is_refused_too(location: str) -> None:
    """It cannot name the place."""
    error = error_of("list the models", says(b"", 302, location=location))
    assert str(error).startswith("list the models: 302 to another place: redirects are not followed")


# ---- a success without its content

UNREADABLE: list[tuple[bytes, str]] = [
    (b"", "answered 200 with nothing"),
    (b"<html><body>Maintenance</body></html>", "answered 200 with HTML"),
    (b"  <!DOCTYPE html>", "answered 200 with HTML"),
    (b"ok", "answered 200 with a body that is not JSON"),
    (b'{"model_saved_name": ', "answered 200 with a body that is not JSON"),
    (b'{"model_id": NaN}', "answered 200 with a body that is not JSON"),
    (b'{"model_name": "\xff\xfe"}', "answered 200 with a body that is not JSON"),
    (b"[" * 200_000 + b"]" * 200_000, "answered 200 with a body that is not JSON"),
    (b'{"model_id": ' + b"9" * 5000 + b"}", "answered 200 with a body that is not JSON"),
]


@pytest.mark.parametrize("name", [name for name in CALLS if not name.startswith("delete")])
@pytest.mark.parametrize(
    ("body", "line"), UNREADABLE, ids=[f"{line[13:]}-{n}" for n, (_, line) in enumerate(UNREADABLE)]
)
def test_an_unreadable_success_is_sent_again_and_then_an_error(name: str, body: bytes, line: str) -> None:
    """A gateway that spoils one response does not end an `up`; one that spoils all is named."""
    error = error_of(name, says(body))
    assert (type(error), str(error)) == (UnexpectedResponse, f"{name}: {HOST} {line}")
    server = Server(says(body), says(GOOD[name]))
    CALLS[name](server.client(retries=1))
    assert len(server.sent) == 2


@pytest.mark.parametrize(
    ("name", "found", "line"),
    [
        ("read Test_Model/1", answer(model_saved_name="Another"), "another model, Another"),
        ("read Test_Model/1", answer(model_config__model_version="2"), "another model, Test_Model"),
        ("read Test_Model/1", answer(model_config__model_version=1), "another model, Test_Model"),
        ("update Test_Model/1", {"data": answer(model_saved_name="x\n" * 99)}, f"another model, {'x ' * 85}…"),
    ],
)
def test_a_response_about_another_model_is_an_error(name: str, found: Any, line: str) -> None:
    """It is never taken for the model that was asked for."""
    assert str(error_of(name, says(found))) == f"{name}: {HOST} answered with {line}"


NO_MODEL: list[Any] = [[], "ok", None, {}, {"data": answer()}]
NO_DATA: list[Any] = [
    [],
    "ok",
    5,
    None,
    {},
    {"data": None},
    {"data": []},
    {"data": {"model_saved_name": 5}},
    answer(),
]


@pytest.mark.parametrize(
    ("name", "found"),
    [
        *(("create Test_Model/1", found) for found in NO_DATA),
        *(("update Test_Model/1", found) for found in NO_DATA),
        *(("read Test_Model/1", found) for found in NO_MODEL),
    ],
)
def test_a_response_without_the_model_is_an_error(name: str, found: Any) -> None:
    """A success that does not show the model is not taken for one."""
    assert str(error_of(name, says(found))) == f"{name}: {HOST} answered without the model's data"


@pytest.mark.parametrize("found", [[], None, {}, {"models": {}}, answer()])
def test_a_response_without_a_list_does_not_mean_no_models(found: Any) -> None:
    """It is an error."""
    error = error_of("list the models", says(found))
    assert str(error) == f"list the models: {HOST} answered without a list of models"


# ---- a create whose response was lost


@pytest.mark.parametrize(
    ("reply", "look_ups"),
    [
        (says(b"", 429), 0),
        (says(b"", 503, retry_after="1"), 0),
        (says(b"", 503), 1),
        (says(b"", 500), 1),
        (says(b"", 408), 1),
        (says(b"", 200), 1),
        (says({"message": "ok"}, 200), 1),
        (says({"data": answer(model_saved_name="Another")}), 1),
    ],
)
def test_a_create_is_looked_up_where_it_may_have_been_done(reply: Handler, look_ups: int) -> None:
    """Where it was turned away it is sent again at once."""
    looked_up: list[str] = []
    server = Server(reply, says(GOOD["create Test_Model/1"]))
    assert server.client(retries=1).add_model(BODY, MODEL, lambda: looked_up.append("")) == codec.read(KIND, answer())
    assert (len(server.sent), len(looked_up)) == (2, look_ups)


# ---- looking for a model


def test_a_model_that_appears_late_is_found_after_the_waits_that_were_asked_for() -> None:
    """No more is waited than needed."""
    server = Server(says(b"", 404), says(b"", 404), says(answer()))
    assert server.client().find_model(MODEL, (0.0, 0.5, 1.0, 2.0)) == codec.read(KIND, answer())
    assert (len(server.sent), server.slept) == (3, [0.5, 1.0])


def test_a_model_that_is_not_there_is_none() -> None:
    """After the last look-up there is no model, and no error."""
    server = Server(says(b"", 404))
    assert server.client().find_model(MODEL) is None
    assert len(server.sent) == 1


def test_a_refused_look_up_does_not_mean_that_the_model_is_gone() -> None:
    """The refusal is the error."""
    with pytest.raises(AuthenticationFailed):
        Server(says(b"", 401)).client().find_model(MODEL)


def test_a_model_that_a_person_named_and_is_not_there_brings_the_nearest_name() -> None:
    """The list is asked for it, and items without a name are passed over."""
    assert Server(says(answer())).client().registered(MODEL) == codec.read(KIND, answer())
    server = Server(says(b"", 404), says({"models": [answer(), answer(model_saved_name="other"), "odd"]}))
    with pytest.raises(ModelNotFound) as caught:
        server.client().registered(Identifier("Test_Modl", "1"))
    assert str(caught.value) == ('no model Test_Modl/1 is registered with this account; did you mean "Test_Model/1"?')


# ---- whose the key is


def test_the_api_may_tell_whose_the_key_is() -> None:
    """The call is documented nowhere and seen in the vendor's tests."""
    server = Server(says({"project_name": "prod"}))
    assert server.client().consumer_info() == {"project_name": "prod"}
    assert (server.sent[0].method, server.sent[0].url.path) == ("GET", "/consumer-info")


@pytest.mark.parametrize(
    "reply",
    [
        says({"message": "no Route matched"}, 404),
        says(b"", 401),
        says(b"", 500),
        says(b"<html>"),
        says([]),
        says(b"", 302, location="https://elsewhere"),
        httpx.ReadTimeout("timed out"),
    ],
)
def test_an_api_that_does_not_tell_whose_the_key_is_is_no_failure(reply: Any) -> None:
    """It is asked once: nobody waits for a call that an installation may not have."""
    server = Server(reply)
    assert server.client(retries=5).consumer_info() == {}
    assert len(server.sent) == 1


# ---- the other side's clock


@pytest.mark.parametrize("ahead", [timedelta(hours=-2), timedelta(0), timedelta(days=1)])
def test_the_apis_clock_is_known_from_its_responses(ahead: timedelta) -> None:
    """The header `Date` tells how far it is ahead, to about a second."""
    date = format_datetime(datetime.now(timezone.utc) + ahead, usegmt=True)
    client = Server(says(answer(), date=date)).client()
    assert client.clock_offset == 0.0
    client.get_model(MODEL)
    assert client.clock_offset == pytest.approx(ahead.total_seconds(), abs=60)


@pytest.mark.parametrize("date", ["", "yesterday", "Fri, 31 Dec 99999 00:00:00 GMT"])
def test_a_date_that_is_none_leaves_the_clock_as_it_was(date: str) -> None:
    """It is ignored."""
    client = Server(says(answer(), date=date)).client()
    client.get_model(MODEL)
    assert client.clock_offset == 0.0


# ---- no key in any string

MODEL_KEY = "stand-in-model-key-7f3a"
LONGER_KEY = f"{KEY}-and-more-of-it"
HEADER = 'stand-in "quoted" \\ <header> 7f3a'

ECHOES: list[Callable[[str], str]] = [
    str,
    lambda key: quote(key, safe=""),
    lambda key: base64.b64encode(key.encode()).decode(),
    lambda key: f"{key} and {key}",
    lambda key: f"Bearer {key}; rejected",
    lambda key: json.dumps({"sent": key}),
    lambda key: json.dumps(json.dumps({"sent": key})),
    html.escape,
    lambda key: f"starts with {key[:-4]}",
]
"""What a server, or a gateway before it, may make of a key."""


def _printed(error: BaseException) -> str:
    """Return all that anyone could print of an error: itself, its chain, its traceback."""
    parts: list[str] = []
    seen: BaseException | None = error
    while seen is not None:
        parts += [str(seen), repr(seen), *traceback.format_exception(seen)]
        seen = seen.__cause__ or seen.__context__
    return "\n".join(parts)


def _printed_of(status: int, echoed: str, *, update: bool) -> str:
    """Return all that is printed of a write to which a server replies `echoed`, wherever it can."""
    body = {"message": f"invalid: {echoed}", "request_id": echoed, "data": {"model_saved_name": echoed}}
    place = quote(echoed, safe="")
    server = Server(says(body, status, location=f"https://{place}.example.com/?apikey={place}"))
    sent = canonical(document(model_config__apikeys=[MODEL_KEY, LONGER_KEY]))
    sent["model_config"]["custom_headers"] = [{"key": "X", "value": HEADER}]
    client = server.client(retries=1)
    with server.operation(), pytest.raises(EnkryptError) as caught:
        client.modify_model(MODEL, sent) if update else client.add_model(sent, MODEL)
    return "\n".join([_printed(caught.value), *server.reported])


@pytest.mark.parametrize("secret", [KEY, MODEL_KEY, LONGER_KEY], ids=["the account's", "a model's", "a longer one"])
@pytest.mark.parametrize("status", [200, 302, 400, 401, 403, 404, 409, 429, 500, 503])
def test_no_error_shows_a_key_that_a_server_repeats(status: int, secret: str) -> None:
    """No error, report, chain or traceback holds a key, or eight characters of it."""
    forms = {secret, quote(secret, safe=""), base64.b64encode(secret.encode()).decode().rstrip("=")}
    parts = {form[at : at + 8] for form in forms for at in range(len(form) - 7)}
    for echo in ECHOES:
        for update in (False, True):
            printed = _printed_of(status, echo(secret), update=update)
            assert not [part for part in parts if part in printed], (echo(secret), update)


@pytest.mark.parametrize("echo", ECHOES[:-1])
def test_no_error_shows_the_value_of_a_header_that_a_server_repeats(echo: Callable[[str], str]) -> None:
    """However it is escaped."""
    printed = _printed_of(400, echo(HEADER), update=True)
    assert "invalid: " in printed
    assert not [word for word in ("quoted", "header", "7f3a", "stand-in") if word in printed.replace("headers", "")]


def test_no_text_of_a_client_shows_its_key() -> None:
    """A client can be printed."""
    client = Server(says(answer())).client()
    assert f"{client} {client!r}" == f"EnkryptClient('{HOST}') EnkryptClient('{HOST}')"


# ---- reports


def test_a_retry_is_reported_with_its_cause() -> None:
    """Who waits sees which call failed on which model, and why."""
    server = Server(says({"message": "busy"}, 503, retry_after="2"), says(answer()))
    with server.operation():
        server.client(retries=5).get_model(MODEL)
    assert server.reported == ["read Test_Model/1: 503: busy; trying again in 2 s (2 of 6)"]


def test_without_an_operation_reports_go_to_stderr(capsys: pytest.CaptureFixture[str]) -> None:
    """The engine shows it live under the stack; stdout is never written to."""
    Server(says(b"", 503, retry_after="0"), says(answer())).client(retries=1).get_model(MODEL)
    assert capsys.readouterr() == ("", "read Test_Model/1: 503; trying again in 0 s (2 of 2)\n")


def test_a_closed_client_sends_nothing() -> None:
    """It holds no connection either; one that never connected can be closed too."""
    client = Server(says(answer())).client()
    client.close()
    client.get_model(MODEL)
    client.close()
    with pytest.raises(RuntimeError, match="closed"):
        client.get_model(MODEL)
