"""settings.py: how settings are read and validated, and that no text shows a key."""

from __future__ import annotations

import copy
import logging
import pprint
from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any

import httpx
import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from enkrypt_provider.api.client import EnkryptClient
from enkrypt_provider.api.retry import RetryPolicy
from enkrypt_provider.errors import ConfigurationError
from enkrypt_provider.kinds.model import MODEL
from enkrypt_provider.settings import (
    DEFAULT_ENDPOINT,
    EMBEDDED_DATABASE,
    NO_KEY,
    OFF,
    VENDOR_RATES,
    Key,
    Rate,
    Rates,
    Settings,
    is_loopback,
)

SECRET = "stand-in-key"

ASCII = "must be printable ASCII without spaces: was something else pasted with it?"
URL = 'must be "embedded" or a URL such as https://api.enkryptai.com'
BARE = "must be a URL without user, password, query or fragment"
RATE_LIMIT = 'must be "off" or a number of calls per s, min or h, such as 3/s,100/min'
WRONG_RATES = [
    "3", "3/day", "٣/s", "0/s", "-1/s", "3/s,", ",3/s", "3.5/s", "1e3/s", "3/s;9/min", "1000000/s", "none", "true",
]  # fmt: skip
HTTPS = "must be https: the key is sent over plain http only to this machine (127.0.0.1)"


def configured(environ: Mapping[str, str] | None = None, **config: Any) -> Settings:
    """Read settings from a stack's configuration, with an empty environment by default."""
    given = {f"enkrypt:{name}": value for name, value in {"apiKey": SECRET, **config}.items()}
    return Settings.from_config(given.get, environ or {})


def refused(environ: Mapping[str, str] | None = None, **config: Any) -> str:
    """Return the message that refuses these settings."""
    with pytest.raises(ConfigurationError) as caught:
        configured(environ, **config)
    return str(caught.value)


def test_every_setting_but_the_key_has_a_default() -> None:
    """The defaults are those that Pulumi.yaml declares."""
    expected = Settings(Key(SECRET), DEFAULT_ENDPOINT, None, "v1", 30.0, 5, False, False, VENDOR_RATES)
    assert configured() == expected


@pytest.mark.parametrize(
    ("name", "value", "field", "expected"),
    [
        ("endpoint", "https://eu.api.example.com/", "endpoint", "https://eu.api.example.com"),
        ("endpoint", " https://eu.api.example.com/base// ", "endpoint", "https://eu.api.example.com/base"),
        ("endpoint", "http://127.0.0.1:8787", "endpoint", "http://127.0.0.1:8787"),
        ("endpoint", "http://localhost:8787", "endpoint", "http://localhost:8787"),
        ("endpoint", "HTTP://[::1]:8787", "endpoint", "HTTP://[::1]:8787"),
        ("endpoint", "embedded", "database", EMBEDDED_DATABASE.absolute()),
        ("endpoint", "embedded:", "database", EMBEDDED_DATABASE.absolute()),
        ("endpoint", "embedded:state/a.sqlite", "database", Path("state/a.sqlite").absolute()),
        ("endpoint", "embedded: state/a.sqlite", "database", Path("state/a.sqlite").absolute()),
        ("endpoint", "embedded:~/a.sqlite", "database", Path.home() / "a.sqlite"),
        ("dialect", "v2", "dialect", "v2"),
        ("timeout", "2.5", "timeout", 2.5),
        ("timeout", 10, "timeout", 10.0),
        ("maxRetries", "0", "max_retries", 0),
        ("maxRetries", 20.0, "max_retries", 20),
        ("checkOnline", "True", "check_online", True),
        ("checkOnline", False, "check_online", False),
        ("requireHttps", "true", "require_https", True),
        ("timeout", "", "timeout", 30.0),
        ("endpoint", None, "endpoint", DEFAULT_ENDPOINT),
    ],
)
def test_a_setting_is_read_as_pulumi_passes_it(name: str, value: Any, field: str, expected: object) -> None:
    """A setting may be a string or a number; an empty one has its default."""
    assert getattr(configured(**{name: value}), field) == expected


WRONG: list[tuple[str, str, list[str]]] = [
    ("apiKey", ASCII, ["stand-in key", "stand-in-kéy", "stand-in\nkey"]),
    ("endpoint", URL, ["api.enkryptai.com", "ftp://api.enkryptai.com", "https://", "https://a b", "Embedded"]),
    ("endpoint", "must be ASCII: write its host as xn--bcher-kva.de", ["https://bücher.de/v1"]),
    ("endpoint", "is not a URL", ["https://a:port", "https://a:99999", "https://[::1", "https://a^b"]),
    ("endpoint", BARE, ["https://me:secret@h", "https://h?a=b", "https://h?", "https://h#a"]),
    ("endpoint", HTTPS, ["http://api.enkryptai.com", "http://10.0.0.1", "http://localhost.example.com"]),
    ("dialect", "must be one of v1, v2", ["v3", "old"]),
    ("timeout", "must be a number of seconds from 0.1 to 3600", ["0", "3601", "soon", "nan"]),
    ("maxRetries", "must be a whole number from 0 to 20", ["-1", "2.5", "inf"]),
    ("checkOnline", "must be true or false", ["yes"]),
    ("requireHttps", "must be true or false", ["1"]),
    ("rateLimit", RATE_LIMIT, WRONG_RATES),
]


@pytest.mark.parametrize(
    ("name", "value", "rule"), [(name, value, rule) for name, rule, values in WRONG for value in values]
)
def test_a_wrong_setting_is_reported_with_its_rule(name: str, value: Any, rule: str) -> None:
    assert refused(**{name: value}) == f"enkrypt:{name} {rule}"


# ---- the rate limit


VENDORS = [
    "https://api.enkryptai.com", "https://api.enkryptai.com:443", "https://API.EnkryptAI.com/base",
    "https://api.dev.enkryptai.com", "https://enkryptai.com", "https://api.enkryptai.com.",
]  # fmt: skip
OTHERS = [
    "https://notenkryptai.com", "https://enkryptai.com.example.com", "https://example.com/enkryptai.com",
    "https://gateway.example.com", "http://127.0.0.1:8787", "embedded", "embedded:api.enkryptai.com",
]  # fmt: skip


@pytest.mark.parametrize(
    ("endpoint", "rates"), [*((it, VENDOR_RATES) for it in VENDORS), *((it, OFF) for it in OTHERS)]
)
def test_the_vendors_limits_are_the_default_for_its_own_hosts(endpoint: str, rates: Rates) -> None:
    """Other hosts and the emulator have no limit by default; an explicit limit applies everywhere."""
    assert configured(endpoint=endpoint).rate_limit == rates
    assert configured(endpoint=endpoint, rateLimit="off").rate_limit == OFF
    assert configured(endpoint=endpoint, rateLimit="9/h").rate_limit == (Rate(9, 3600.0),)


@pytest.mark.parametrize(
    ("text", "rates"),
    [
        ("3/s", (Rate(3, 1.0),)),
        (" 3/s , 100/min ", VENDOR_RATES),
        ("20/s,100/min,999999/h", (Rate(20, 1.0), Rate(100, 60.0), Rate(999_999, 3600.0))),
        ("3 / sec, 100/Minute", VENDOR_RATES),
        ("9/second,9/m,9/hour", (Rate(9, 1.0), Rate(9, 60.0), Rate(9, 3600.0))),
        ("off", OFF),
        ("Off", OFF),
        (False, OFF),
        ("", VENDOR_RATES),
    ],
)
def test_a_rate_limit_is_one_rate_or_several(text: Any, rates: Rates) -> None:
    """A bare `off` is false in YAML."""
    assert configured(rateLimit=text).rate_limit == rates


# ---- the account


@pytest.mark.parametrize(
    ("endpoint", "account"),
    [
        ("https://api.enkryptai.com", "https://api.enkryptai.com"),
        ("https://api.enkryptai.com:443/", "https://api.enkryptai.com"),
        ("HTTPS://API.EnkryptAI.com", "https://api.enkryptai.com"),
        ("https://api.enkryptai.com.", "https://api.enkryptai.com"),
        ("https://api.enkryptai.com.:443", "https://api.enkryptai.com"),
        ("https://api.enkryptai.com:", "https://api.enkryptai.com"),
        ("https://api.enkryptai.com:8443", "https://api.enkryptai.com:8443"),
        ("https://h/Base//", "https://h/Base"),
        ("http://127.0.0.1:80/", "http://127.0.0.1"),
        ("http://127.0.0.1:443", "http://127.0.0.1:443"),
        ("http://[::1]:8787", "http://[::1]:8787"),
        ("https://[2001:DB8:0:0::1]", "https://[2001:db8::1]"),
    ],
)
def test_an_account_is_its_endpoint_however_it_is_spelled(endpoint: str, account: str) -> None:
    """Case, default port, trailing slash and trailing dot do not matter; another port or path does."""
    assert configured(endpoint=endpoint).account == account


@pytest.mark.parametrize("endpoint", ["embedded", "embedded:other.sqlite", "http://127.0.0.1:8787", "HTTP://[::1]"])
@pytest.mark.parametrize("where", ["config", "environ"])
def test_a_stack_that_requires_https_refuses_every_other_endpoint(endpoint: str, where: str) -> None:
    """Wherever the endpoint comes from: a production stack uses https or nothing."""
    config, environ = ({"endpoint": endpoint}, {}) if where == "config" else ({}, {"ENKRYPTAI_BASE_URL": endpoint})
    assert refused(environ, requireHttps="true", **config) == (
        "enkrypt:endpoint must be https, because enkrypt:requireHttps is true: set a URL such as "
        "https://api.enkryptai.com"
    )
    assert configured({}, requireHttps="true", endpoint="HTTPS://eu.example.com").require_https
    assert not configured(environ, requireHttps="false", **config).require_https


@pytest.mark.parametrize("key", ["", None, "  "])
def test_a_missing_key_is_reported_with_how_to_set_one(key: object) -> None:
    """In a way that does not show the key."""
    assert refused(apiKey=key) == NO_KEY


@pytest.mark.parametrize(
    ("environ", "config", "key"),
    [
        ({"ENKRYPTAI_API_KEY": "first", "ENKRYPT_API_KEY": "second"}, "of-the-stack", "of-the-stack"),
        ({"ENKRYPTAI_API_KEY": "first", "ENKRYPT_API_KEY": "second"}, "", "first"),
        ({"ENKRYPTAI_API_KEY": "", "ENKRYPT_API_KEY": "second"}, "", "second"),
    ],
)
def test_the_key_of_the_stack_wins_over_the_environment(environ: dict[str, str], config: str, key: str) -> None:
    """Of the environment's two variables, the official client's own wins."""
    assert configured(environ, apiKey=config).api_key == Key(key)


def test_the_environment_may_name_the_endpoint() -> None:
    """The official client's variable for the base URL is read if the stack sets none, by the same rules."""
    environ = {"ENKRYPTAI_BASE_URL": "https://of.the.environment/"}
    assert configured(environ).endpoint == "https://of.the.environment"
    assert configured(environ, endpoint="https://of.the.stack").endpoint == "https://of.the.stack"
    assert refused({"ENKRYPTAI_BASE_URL": "http://of.the.environment"}).startswith("enkrypt:endpoint must be https")


def test_the_embedded_emulator_never_gets_a_key() -> None:
    """It needs no key, so a real one never reaches its database."""
    settings = configured(endpoint="embedded:x.sqlite")
    assert settings.api_key.reveal() == "embedded"
    assert settings.shown_endpoint == f"the embedded emulator ({Path('x.sqlite').absolute()})"


HERE = ["127.0.0.1", "127.8.8.8", "::1", "localhost", "LocalHost", "localhost."]
ELSEWHERE = [
    "0.0.0.0",  # noqa: S104 - all addresses of this machine, not only loopback
    "10.0.0.1", "::", "127.0.0.1.example.com", "localhost.example.com", "2130706433", "",
]  # fmt: skip


@pytest.mark.parametrize("host", [*HERE, *ELSEWHERE])
def test_loopback_is_this_machine_alone(host: str) -> None:
    """Plain http is only allowed for an address that cannot leave this machine."""
    assert is_loopback(host) is (host in HERE)


_PARTS = [
    "https://", "http://", "api.enkryptai.com", "127.0.0.1", "localhost", "[::1]", ":80", ":", "/", "?", "#", "@",
    "\\",
    "%", "\n", "\t", " ", "é", "☃", "..", "-", "[", "]", "\0", ":99999", ":0", "//", ";", "|", "^", "<", "'", "%2e",
]  # fmt: skip


@given(st.lists(st.sampled_from(_PARTS), min_size=1, max_size=6).map("".join))
@example("https://☃")
@example("http://127.0.0.1\\@evil.example")
@example("http://localhost\t.evil.example")
@example("https://h/\n")
def test_an_endpoint_is_refused_or_reached_as_written(endpoint: str) -> None:
    """No spelling of a URL sends the key over plain http off this machine, or to a path other than the API's."""
    seen: list[httpx.Request] = []

    def respond(request: httpx.Request) -> httpx.Response:
        seen.append(request)
        return httpx.Response(200, stream=httpx.ByteStream(b'{"models": []}'))

    try:
        settings = configured(endpoint=endpoint)
    except ConfigurationError:
        return
    EnkryptClient(settings, transport=httpx.MockTransport(respond), retry=RetryPolicy(0)).list_all(MODEL)
    url = seen[0].url
    assert url.scheme == "https" or is_loopback(url.host)
    assert url.path.endswith("/models/list-models")
    assert not url.query


# ---- no key in any string


def test_no_string_form_of_the_settings_shows_the_key(caplog: pytest.LogCaptureFixture) -> None:
    """However settings are printed, logged or formatted."""
    settings = configured()
    logging.getLogger("tests").warning("settings: %s %r", settings, settings)
    shown = [repr(settings), str(settings), f"{settings}", pprint.pformat(settings), caplog.text]
    shown += [repr(settings.api_key), str(settings.api_key), f"{settings.api_key!s:>40}", repr(vars(settings))]
    assert not any(SECRET in text for text in shown)


def test_keys_compare_and_hash_by_value() -> None:
    """Settings with another key differ; settings with an equal key are equal."""
    settings = configured()
    assert settings == configured()
    assert settings != replace(settings, api_key=Key("another"))
    assert len({Key("a"), Key("a"), Key("b")}) == 2
    assert Key("a") != "a"
    assert copy.copy(settings.api_key).reveal() == SECRET


@given(st.text(min_size=4, max_size=40).map("marker-".__add__))
def test_no_refusal_shows_the_key(key: str) -> None:
    """The message that refuses a key does not show it."""
    try:
        configured(apiKey=key)
    except ConfigurationError as error:
        message = f"{error!s}{error!r}"
    else:
        message = ""
    assert "marker-" not in message
