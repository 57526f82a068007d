"""redaction.py: no secret remains in a text, and nothing harmless is removed."""

from __future__ import annotations

import base64
import html
import json
import traceback
from collections.abc import Callable, Iterator, Sequence
from urllib.parse import quote

import pytest
from documents import canonical, document
from hypothesis import example, given
from hypothesis import strategies as st

from enkrypt_provider.api import redaction
from enkrypt_provider.api.client import EnkryptClient
from enkrypt_provider.api.redaction import LONGEST, redacted
from enkrypt_provider.errors import EnkryptError
from enkrypt_provider.kinds.model import MODEL as KIND
from enkrypt_provider.kinds.spellings import parts, spellings
from enkrypt_provider.settings import Key, Settings

from .server import KEY, MODEL, Server, says

LETTERS = st.characters(codec="utf-8", exclude_categories=["Cs"])
KEYS = st.text("abcdefghijkXYZ0189+/=._-", min_size=7, max_size=20).map("0{}".format)


@given(st.lists(st.text(st.characters(), min_size=8, max_size=20), min_size=1, max_size=4), st.data())
@example(["aaaaaaaaa", "aaaaaaaa"], None)
@example(["half a character: \ud800"], None)
def test_all_of_several_secrets_are_redacted(secrets: Sequence[str], data: st.DataObject | None) -> None:
    parts = st.lists(st.sampled_from([*secrets, " ", "why: "]), max_size=6)
    text = data.draw(parts.map("".join)) if data else "aaaaaaaaaaaaa"
    left = redacted(text, secrets)
    assert not [secret for secret in secrets if secret in left and "***" not in secret]


@given(KEYS, st.data())
def test_any_eight_characters_of_a_key_are_redacted(key: str, data: st.DataObject) -> None:
    start = data.draw(st.integers(0, len(key) - 8))
    end = data.draw(st.integers(start + 8, len(key)))
    assert redacted(f"<{key[start:end]}>", [key]) == "<***>"


@pytest.mark.parametrize("secret", ["stand!in#4f7a$1b%x:9", "stand-in:4f7a1b@x*9^z"])
def test_a_key_may_contain_any_punctuation(secret: str) -> None:
    """Substrings of a password are redacted too."""
    for size in range(8, len(secret)):
        assert redacted(f"<{secret[:size]}> <{secret[-size:]}>", [secret]) == "<***> <***>"


@given(st.text(LETTERS, min_size=8, max_size=20))
def test_a_secret_is_redacted_if_escaped_once_or_twice(secret: str) -> None:
    """JSON within JSON, as a gateway writes it when it logs a body."""
    once = json.dumps({"sent": secret}, ensure_ascii=False)
    assert redacted(once, [secret]) == '{"sent": "***"}'
    assert redacted(json.dumps(once, ensure_ascii=False), [secret]) == '"{\\"sent\\": \\"***\\"}"'


@pytest.mark.parametrize("secret", ["stand-in/4f7a1b?+=&<x>'\"ü", "stand-in/4f7a+1b=", "Bearer stand-in-4f7a1b"])
def test_a_secret_is_redacted_in_every_encoding(secret: str) -> None:
    """The testing module searches for the same ones."""
    for how, text in spellings(secret):
        assert (how, redacted(f"<{text}>", [secret])) == (how, "<***>")


def test_any_eight_characters_of_a_key_in_a_longer_secret_are_redacted() -> None:
    for text in (
        "Bearer stand-in-4f7a1b-and-more",
        "curl -H 'X-Api-Key: stand-in-4f7a1b-and-more' https://api.example.com",
    ):
        for size in range(8, 20):
            assert redacted(f"<{'stand-in-4f7a1b-and-more'[:size]}>", [text]) == "<***>"
        assert redacted("api.example.com says no", [text]) == "api.example.com says no"


@pytest.mark.parametrize("secret", ["443", "none", "POST", "v1", "", "openai"])
def test_a_secret_too_short_to_be_a_key_is_not_redacted(secret: str) -> None:
    """In the vendor's examples, a model without a key has `none`: messages must stay readable."""
    line = "none of POST, openai, v1 works on port 443"
    assert redacted(line, [secret]) == line


def test_a_command_and_its_keys_are_redacted_but_not_its_words() -> None:
    """A message that mentions a header of the command stays readable."""
    command = "curl -H 'Authorization: Bearer stand-in-4f7a1b' https://example.com/chat -d '{prompt}'"
    line = f"no Authorization by stand-in-4f7a1b for {command}"
    assert redacted(line, [command]) == "no Authorization by *** for ***"


@pytest.mark.parametrize("secret", ["grant_type=client_credentials", "application/json"])
def test_a_secret_of_plain_words_is_redacted_only_as_a_whole(secret: str) -> None:
    """A message that mentions one of the words stays readable."""
    line = "invalid client credentials for this application"
    assert redacted(f"{line}: {secret}", [secret]) == f"{line}: ***"


def test_a_huge_text_is_cut_off() -> None:
    text = redacted("stand-in-4f7a1b " * 2**18, ["stand-in-4f7a1b"])
    assert text == "*** " * (LONGEST // 16)


# ---- no key in any string

MODEL_KEY = "stand-in-model-key-7f3a"
LONGER_KEY = f"{KEY}-and-more-of-it"
HEADER = 'stand-in "quoted" \\ <header> 7f3a'

ECHOES: list[Callable[[str], str]] = [
    str,
    lambda key: quote(key, safe=""),
    lambda key: base64.b64encode(key.encode()).decode(),
    lambda key: base64.urlsafe_b64encode(f"me:{key}".encode()).decode(),
    lambda key: key.encode().hex(),
    lambda key: key.replace("/", "\\/"),
    lambda key: quote(key, safe="").lower(),
    str.upper,
    lambda key: key.encode().hex().upper(),
    lambda key: f"{key} and {key}",
    lambda key: f"Bearer {key}; rejected",
    lambda key: json.dumps({"sent": key}),
    lambda key: json.dumps(json.dumps({"sent": key})),
    html.escape,
    lambda key: f"starts with {key[:-4]}",
]
"""The forms in which a server, or a gateway in front of it, may echo a key."""


def _printed(error: BaseException) -> str:
    """Return everything that could be printed of an error: itself, its chain, its traceback."""
    parts: list[str] = []
    seen: BaseException | None = error
    while seen is not None:
        parts += [str(seen), repr(seen), *traceback.format_exception(seen)]
        seen = seen.__cause__ or seen.__context__
    return "\n".join(parts)


def _printed_of(status: int, echoed: str, *, update: bool) -> str:
    """Return everything that is printed about a write if the server's reply has `echoed` in every possible place."""
    body = {"message": f"invalid: {echoed}", "request_id": echoed, "data": {"model_saved_name": echoed}}
    place = quote(echoed, safe="")
    server = Server(says(body, status, location=f"https://{place}.example.com/?apikey={place}"))
    sent = canonical(document(model_config__apikeys=[MODEL_KEY, LONGER_KEY]))
    sent["model_config"]["custom_headers"] = [{"key": "X", "value": HEADER}]
    client = server.client(retries=1)
    with server.operation(), pytest.raises(EnkryptError) as caught:
        client.modify(KIND, MODEL, sent) if update else client.add(KIND, sent, MODEL)
    return "\n".join([_printed(caught.value), *server.reported])


@pytest.mark.parametrize("secret", [KEY, MODEL_KEY, LONGER_KEY], ids=["the account's", "a model's", "a longer one"])
@pytest.mark.parametrize("status", [200, 302, 400, 401, 403, 404, 409, 429, 500, 503])
def test_no_error_shows_a_key_that_a_server_repeats(status: int, secret: str) -> None:
    forms = {secret, secret.upper(), quote(secret, safe=""), base64.b64encode(secret.encode()).decode().rstrip("=")}
    parts = {form[at : at + 8] for form in forms for at in range(len(form) - 7)}
    for echo in ECHOES:
        for update in (False, True):
            printed = _printed_of(status, echo(secret), update=update)
            assert not [part for part in parts if part in printed], (echo(secret), update)


def test_clients_of_one_account_share_their_secrets() -> None:
    """A deployment's error may repeat a key of its model, which another client has sent."""
    one, same, other = (
        EnkryptClient(Settings(Key(f"of-account-{account}"), "http://127.0.0.1")) for account in ("a", "a", "b")
    )
    one.hide([MODEL_KEY])
    said = f"the model's key {MODEL_KEY} is wrong"
    assert same.without_keys(said) == "the model's key *** is wrong"
    assert other.without_keys(said) == said


def test_a_key_is_processed_once_for_any_number_of_messages(monkeypatch: pytest.MonkeyPatch) -> None:
    """Otherwise a thousand failing models would take minutes."""
    taken = list[str]()

    def noted(secret: str, *size: int) -> Iterator[str]:
        taken.append(secret)
        return parts(secret, *size)

    monkeypatch.setattr(redaction, "parts", noted)
    client = EnkryptClient(Settings(Key("of-another-account"), "http://127.0.0.1"))
    for _ in range(3):
        client.hide([MODEL_KEY, HEADER])
        assert client.without_keys(f"the key {MODEL_KEY} is wrong") == "the key *** is wrong"
    assert taken.count(MODEL_KEY) == 1


@pytest.mark.parametrize("echo", ECHOES[:-1])
def test_no_error_shows_the_value_of_a_header_that_a_server_repeats(echo: Callable[[str], str]) -> None:
    printed = _printed_of(400, echo(HEADER), update=True)
    assert "invalid: " in printed
    assert not [word for word in ("quoted", "header", "7f3a", "stand-in") if word in printed.replace("headers", "")]
