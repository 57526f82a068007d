"""responses.py: what each response means, and the error shown for it."""

from __future__ import annotations

from datetime import datetime, timedelta, timezone
from email.utils import format_datetime
from typing import Any

import httpx
import pytest
from documents import answer

from enkrypt_provider.errors import (
    AuthenticationFailed,
    EnkryptError,
    ModelExists,
    ModelNotFound,
    RequestRejected,
    ServiceUnavailable,
    UnexpectedResponse,
)
from enkrypt_provider.kinds.model import MODEL as KIND

from .server import CALLS, GOOD, HOST, MODEL, Server, error_of, every_call, says

# ---- a refusal

OTHER_DIALECT = (
    "it was sent in dialect v1; if the account speaks v2 (run `enkrypt-provider doctor` to find out), set "
    "enkrypt:dialect to v2"
)
ROTATED = (
    f"{HOST} does not accept the API key; set a valid one with `pulumi config set --secret enkrypt:apiKey`. "
    "`refresh` and `destroy` use the key of the last `up`: after a rotation add --run-program"
)
# Status, body, error, and what the line says after "OPERATION: ".
REFUSED: list[tuple[int, Any, type[EnkryptError], str]] = [
    (400, {"message": "model_name must be a string"}, RequestRejected, "400: model_name must be a string"),
    (400, {"message": "no", "request_id": "r-1"}, RequestRejected, "400: no (request id r-1)"),
    (400, {"message": ["no name", 5, [], "no host"], "request_id": 5}, RequestRejected, "400: no name; no host"),
    (400, {"message": {"text": 5}, "error": {"code": 7, "message": "no host"}}, RequestRejected, "400: no host"),
    (422, {"detail": [{"loc": ["body", "name", 0], "msg": "too long", "input": "x" * 9}, {"msg": "no host"}]},
     RequestRejected, "422: body.name.0: too long; no host"),
    (422, {"detail": [{"loc": {}, "msg": 5}, None]}, RequestRejected, "422"),
    (400, ["not", "an", "object"], RequestRejected, "400"),
    (405, b"<html>Not allowed</html>", RequestRejected, "405"),
    (418, b"", RequestRejected, "418"),
    (422, {"message": "two\nlines \x1b[31m"}, RequestRejected, "422: two lines  [31m"),
    (422, {"message": "y" * 400}, RequestRejected, "422: " + "y" * 299 + "…"),
    (401, {"message": "Unauthorized"}, AuthenticationFailed, f"401: Unauthorized: {ROTATED}"),
    (403, b"", AuthenticationFailed, f"403: {HOST} does not accept the API key; it may belong to another project or "
                                     "lack permission for this"),
    (409, {"message": "taken"}, ModelExists, "409: taken"),
    *((status, b"", RequestRejected, str(status)) for status in (300, 304)),
    (502, b"<html>Bad gateway</html>", ServiceUnavailable, "502; tried once"),
    *((status, {"message": "no"}, ServiceUnavailable, f"{status}: no; tried once") for status in (429, 500, 507)),
    *((status, b"", ServiceUnavailable, f"{status}; tried once") for status in (408, 425, 503, 504, 599)),
]  # fmt: skip


@every_call
@pytest.mark.parametrize(("status", "body", "kind", "line"), REFUSED)
def test_each_refusal_is_one_line_with_cause_and_fix(
    name: str, status: int, body: Any, kind: type[EnkryptError], line: str
) -> None:
    error = error_of(name, says(body, status))
    if status in (400, 422) and name.startswith(("create", "update")):
        line, id_, rest = line.partition(" (request id")
        line = f"{line}: {OTHER_DIALECT}{id_}{rest}"
    assert (type(error), str(error)) == (kind, f"{name}: {line}")


@every_call
def test_a_404_without_an_identity_questions_the_address(name: str) -> None:
    """Only a request for a particular model can mean that the model is missing."""
    error = error_of(name, says({"message": "not here"}, 404))
    is_named = not name.startswith(("create", "list"))
    advice = "" if is_named else f": is {HOST} the API's address?"
    assert str(error) == f"{name}: 404: not here{advice}"
    assert type(error) is (ModelNotFound if is_named else RequestRejected)


def test_the_gateways_request_id_is_shown_if_the_body_has_none() -> None:
    error = error_of("read Test_Model/1", says({"message": "no"}, 400, x_enkrypt_correlation_id="c-1"))
    assert str(error) == "read Test_Model/1: 400: no (request id c-1)"
    assert isinstance(error, RequestRejected)
    assert (error.status, error.request_id) == (400, "c-1")


@every_call
@pytest.mark.parametrize("status", [301, 302, 303, 307, 308])
def test_a_redirect_is_refused_with_its_target(name: str, status: int) -> None:
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
    error = error_of("list the models", says(b"", 302, location=location))
    assert str(error).startswith("list the models: 302 to another place: redirects are not followed")


# ---- a success without the expected content

UNREADABLE: dict[str, list[bytes]] = {
    "nothing": [b""],
    "HTML": [b"<html><body>Maintenance</body></html>", b"  <!DOCTYPE html>"],
    "a body that is not JSON": [
        b"ok", b'{"model_saved_name": ', b'{"model_id": NaN}', b'{"model_name": "\xff\xfe"}',
        b"[" * 200_000 + b"]" * 200_000, b'{"model_id": ' + b"9" * 5000 + b"}",
    ],
}  # fmt: skip


@pytest.mark.parametrize("name", [name for name in CALLS if not name.startswith("delete")])
@pytest.mark.parametrize(("what", "bodies"), UNREADABLE.items(), ids=UNREADABLE)
def test_an_unreadable_success_is_retried_and_then_an_error(name: str, what: str, bodies: list[bytes]) -> None:
    """A gateway that garbles one response does not end an `up`; one that garbles all of them is reported."""
    for body in bodies:
        error = error_of(name, says(body))
        assert (type(error), str(error)) == (UnexpectedResponse, f"{name}: {HOST} answered 200 with {what}")
        server = Server(says(body), says(GOOD[name]))
        CALLS[name](server.client(retries=1))
        assert len(server.sent) == 2


def test_an_invalid_registration_is_read_twice() -> None:
    """Bad data on a server stays bad: more attempts would only make reading many models slow."""
    broken = answer(model_config__endpoint={"port": "none"})
    server = Server(says(broken))
    with pytest.raises(UnexpectedResponse, match=r"invalid model: model_config\.endpoint"):
        CALLS["read Test_Model/1"](server.client(retries=5))
    assert len(server.sent) == 2
    assert CALLS["read Test_Model/1"](Server(says(broken), says(answer())).client(retries=1))


@pytest.mark.parametrize(
    ("name", "found", "line"),
    [
        ("read Test_Model/1", answer(model_saved_name="Another"), "another model, Another"),
        ("read Test_Model/1", answer(model_config__model_version="2"), "another model, Test_Model"),
        ("read Test_Model/1", answer(model_config__model_version=2), "another model, Test_Model"),
        ("update Test_Model/1", {"data": answer(model_saved_name="x\n" * 99)}, f"another model, {'x ' * 85}…"),
    ],
)
def test_a_response_about_another_model_is_an_error(name: str, found: Any, line: str) -> None:
    assert str(error_of(name, says(found))) == f"{name}: {HOST} answered with {line}"


NO_DATA: list[Any] = [
    [], "ok", 5, None, {}, {"data": None}, {"data": []}, {"data": {"model_saved_name": [5]}}, answer(),
]  # fmt: skip
WITHOUT: dict[str, list[Any]] = {
    "create Test_Model/1": NO_DATA,
    "update Test_Model/1": NO_DATA,
    "read Test_Model/1": [[], "ok", None, {}, {"data": answer()}],
    "list the models": [[], None, {}, {"models": {}}, answer()],
}


@pytest.mark.parametrize(("name", "found"), [(name, found) for name, all_ in WITHOUT.items() for found in all_])
def test_a_success_without_the_model_or_the_list_is_an_error(name: str, found: Any) -> None:
    what = "a list of models" if name.startswith("list") else "the model's data"
    assert str(error_of(name, says(found))) == f"{name}: {HOST} answered without {what}"


# ---- the API's clock


@pytest.mark.parametrize("hours", [-2, 0, 24, None])
def test_the_clock_offset_follows_the_date_header(hours: float | None) -> None:
    """The header `Date` gives the offset to about a second; an invalid one changes nothing."""
    ahead = timedelta(hours=hours or 0)
    date = format_datetime(datetime.now(timezone.utc) + ahead, usegmt=True)
    for odd in [date] if hours is not None else ["", "yesterday", "Fri, 31 Dec 99999 00:00:00 GMT"]:
        client = Server(says(answer(), date=odd)).client()
        assert client.clock_offset == 0.0
        client.get(KIND, MODEL)
        assert client.clock_offset == pytest.approx(ahead.total_seconds(), abs=60 * (hours is not None))


@pytest.mark.parametrize("waits", [(0, 10), (10, 0), (10, 0, 10)], ids=str)
def test_the_clock_offset_comes_from_the_quickest_response(
    waits: tuple[int, ...], monkeypatch: pytest.MonkeyPatch
) -> None:
    """A slow response carries an old time: with it, a registration older than a create would be taken for newer."""
    now, left = [1_800_000_000.9], list(waits)

    def respond(request: httpx.Request) -> httpx.Response:
        date = format_datetime(datetime.fromtimestamp(now[0] + 3600, timezone.utc), usegmt=True)
        now[0] += left.pop(0)
        return says(answer(), date=date)(request)

    monkeypatch.setattr("enkrypt_provider.api.transport.time.time", lambda: now[0])
    client = Server(respond).client()
    for _ in waits:
        client.get(KIND, MODEL)
    assert client.clock_offset == pytest.approx(3600, abs=0.5)
