"""client.py: what is sent, what a success returns, and what is looked up again."""

from __future__ import annotations

import json
from typing import Any

import httpx
import pytest
from documents import answer, canonical, document

from enkrypt_provider.errors import AuthenticationFailed, ModelNotFound, RequestRejected
from enkrypt_provider.kinds import codec
from enkrypt_provider.kinds.kind import Identifier
from enkrypt_provider.kinds.model import MODEL as KIND

from .server import BODY, CALLS, GOOD, HOST, KEY, MODEL, Handler, Server, every_call, says

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
    """Only writes have a body; compressed responses, which could be bombs, are not requested."""
    server = Server(says(GOOD[name]))
    CALLS[name](server.client())
    (sent,) = server.sent
    headers = sent.headers
    named = (headers.get("X-Enkrypt-Model"), headers.get("X-Enkrypt-Model-Version"))
    assert (sent.method, str(sent.url)) == (method, f"{HOST}{path}")
    assert named == (("Test_Model", "1") if identity else (None, None))
    assert headers.get("X-Enkrypt-Refresh-Cache") == ("true" if refresh else None)
    assert headers.get("Content-Type") == ("application/json" if body else None)
    assert sent.content == (json.dumps(BODY, separators=(",", ":")).encode() if body else b"")
    assert headers["apikey"] == KEY
    assert headers["User-Agent"].startswith("enkrypt-provider")
    assert (headers["Accept"], headers["Accept-Encoding"]) == ("application/json", "identity")
    assert "Authorization" not in headers


def test_a_body_is_utf8_without_escapes() -> None:
    server = Server(says(GOOD["create Test_Model/1"]))
    server.client().add(KIND, canonical(document(model_name="Modèle ☃")), MODEL)
    assert "Modèle ☃".encode() in server.sent[0].content


def test_a_number_that_json_does_not_have_is_never_sent() -> None:
    server = Server(says(GOOD["create Test_Model/1"]))
    with pytest.raises(ValueError, match="JSON"):
        server.client().add(KIND, {"a": float("nan")}, MODEL)
    assert server.sent == []


@pytest.mark.parametrize(
    "identity", [Identifier("modèle", "1"), Identifier("a", "1\n2"), Identifier(" a", "1"), Identifier("", "1")]
)
def test_an_identity_that_headers_cannot_carry_is_not_found_without_a_call(identity: Identifier) -> None:
    server = Server(says(answer()))
    with pytest.raises(ModelNotFound, match="must be printable ASCII without spaces at the ends") as caught:
        server.client().get(KIND, identity)
    assert server.client().find(KIND, identity) is None
    assert "\n" not in str(caught.value)
    assert server.sent == []


# ---- a success


@every_call
@pytest.mark.parametrize("status", [200, 201, 202, 299])
def test_any_2xx_is_a_success(name: str, status: int) -> None:
    """The documentation does not say which one the API sends."""
    expected = {
        "list the models": [answer()],
        "delete Test_Model/1": None,
        "check the health of Test_Model/1": GOOD["check the health of Test_Model/1"],
    }
    assert CALLS[name](Server(says(GOOD[name], status)).client()) == expected.get(name, codec.read(KIND, answer()))


@pytest.mark.parametrize(("body", "status"), [(b"", 204), (b"<html>", 200)])
def test_a_delete_needs_no_body(body: bytes, status: int) -> None:
    """The API's response to a delete is a guess: it is sent once, whatever comes back."""
    server = Server(says(body, status))
    server.client(retries=3).delete(KIND, MODEL)
    assert len(server.sent) == 1


@pytest.mark.parametrize(
    "found",
    [
        answer(),
        {**answer(model_config__model_version=None), "model_version": "1"},
        answer(model_config__model_version=None),
    ],
)
def test_the_version_may_be_at_the_root_or_missing(found: Any) -> None:
    assert Server(says(found)).client().get(KIND, MODEL) == codec.read(KIND, answer())


# ---- a refusal in a body of 200


@pytest.mark.parametrize("call", ["update", "delete"])
@pytest.mark.parametrize(
    ("body", "error", "said"),
    [
        ({"error": "in use", "data": answer()}, RequestRejected, "200: in use"),
        ({"error": {"a": 1}, "message": "in use", "data": answer()}, RequestRejected, "200: in use"),
        ({"error": "gone", "message": "Resource not found", "code": 404}, ModelNotFound, "404: Resource not found"),
    ],
)
def test_an_error_in_a_body_of_200_is_a_refusal(call: str, body: Any, error: type[Exception], said: str) -> None:
    """The official client reads it so: nothing was done, and nothing is sent again."""
    server = Server(says(body))
    client = server.client()
    with pytest.raises(error, match=f"^{call} Test_Model/1: {said}"):
        client.modify(KIND, MODEL, BODY) if call == "update" else client.delete(KIND, MODEL)
    assert len(server.sent) == 1


@pytest.mark.parametrize("body", [{"error": None}, {"error": ""}, {"message": "deleted"}, []])
def test_a_body_of_200_without_an_error_is_a_success(body: Any) -> None:
    Server(says(body)).client().delete(KIND, MODEL)


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
def test_a_create_is_looked_up_if_it_may_have_been_done(reply: Handler, look_ups: int) -> None:
    looked_up: list[str] = []
    server = Server(reply, says(GOOD["create Test_Model/1"]))
    assert server.client(retries=1).add(KIND, BODY, MODEL, lambda: looked_up.append("")) == codec.read(KIND, answer())
    assert (len(server.sent), len(looked_up)) == (2, look_ups)


# ---- looking for a model


@pytest.mark.parametrize(
    ("waits", "found", "asked", "slept"),
    [((), None, 1, []), ((0.0, 0.5, 1.0, 2.0), codec.read(KIND, answer()), 3, [0.5, 1.0])],
)
def test_a_model_that_appears_late_is_found_after_the_given_waits(
    waits: tuple[float, ...], found: Any, asked: int, slept: list[float]
) -> None:
    server = Server(says(b"", 404), says(b"", 404), says(answer()))
    assert server.client().find(KIND, MODEL, *[waits] * bool(waits)) == found
    assert (len(server.sent), server.slept) == (asked, slept)


def test_a_refused_look_up_does_not_mean_that_the_model_is_gone() -> None:
    with pytest.raises(AuthenticationFailed):
        Server(says(b"", 401)).client().find(KIND, MODEL)


def test_a_missing_model_is_reported_with_the_nearest_name() -> None:
    assert Server(says(answer())).client().registered(KIND, MODEL) == codec.read(KIND, answer())
    server = Server(says(b"", 404), says({"models": [answer(), answer(model_saved_name="other"), "odd"]}))
    with pytest.raises(ModelNotFound) as caught:
        server.client().registered(KIND, Identifier("Test_Modl", "1"))
    assert str(caught.value) == ('no model Test_Modl/1 is registered with this account; did you mean "Test_Model/1"?')


# ---- the owner of the key


def test_consumer_info_returns_the_owner_of_the_key() -> None:
    """The call is undocumented, but the vendor's tests use it."""
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
def test_an_api_without_consumer_info_is_not_a_failure(reply: Any) -> None:
    """It is tried once: an installation may not have the call, so nobody waits for it."""
    server = Server(reply)
    assert server.client(retries=5).consumer_info() == {}
    assert len(server.sent) == 1


# ---- in general


def test_no_string_form_of_a_client_shows_its_key() -> None:
    client = Server(says(answer())).client()
    assert f"{client} {client!r}" == f"EnkryptClient('{HOST}') EnkryptClient('{HOST}')"


def test_a_closed_client_sends_nothing() -> None:
    client = Server(says(answer())).client()
    client.close()
    client.get(KIND, MODEL)
    client.close()
    with pytest.raises(RuntimeError, match="closed"):
        client.get(KIND, MODEL)
