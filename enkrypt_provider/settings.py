"""The settings for reaching the API: from the stack's configuration, then from the environment.

Everything is validated here, once. Keys are only held in a `Key`, which no repr reveals.
"""

from __future__ import annotations

import contextlib
import ipaddress
import math
import os
import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import cached_property
from importlib.util import find_spec
from pathlib import Path
from typing import Any, Final, Literal, cast, get_args
from urllib.parse import urlsplit

from .errors import ConfigurationError, near_match, plain

Dialect = Literal["v1", "v2"]

DEFAULT_ENDPOINT: Final = "https://api.enkryptai.com"
EMBEDDED: Final = "embedded"
EMBEDDED_DATABASE: Final = Path(".enkrypt/emulator.sqlite")
KEY_VARIABLES: Final = ("ENKRYPTAI_API_KEY", "ENKRYPT_API_KEY")
ENDPOINT_VARIABLE: Final = "ENKRYPTAI_BASE_URL"
NO_KEY: Final = (
    "no API key: run `pulumi config set --secret enkrypt:apiKey` (it asks for the value), "
    "or set ENKRYPTAI_API_KEY in the environment"
)


@dataclass(frozen=True)
class Rate:
    """At most `calls` in any window of `seconds`."""

    calls: int
    seconds: float


Rates = tuple[Rate, ...]
OFF: Final[Rates] = ()
VENDOR_RATES: Final[Rates] = (Rate(3, 1.0), Rate(100, 60.0))
"""The vendor's strictest limits for any plan: 3 a second on lower plans, 100 a minute on enterprise [P]."""
VENDOR_RT_RATES: Final[Rates] = (Rate(5, 60.0),)
"""The limit for `/rt/*` on every plan [P]."""


class Key:
    """A key that no repr, log or traceback shows; call `reveal()` only to send, redact or hash it."""

    __slots__ = ("_text",)

    def __init__(self, text: str) -> None:
        self._text = text

    def reveal(self) -> str:
        return self._text

    def __repr__(self) -> str:
        return "Key(***)"

    def __eq__(self, other: object) -> bool:
        return isinstance(other, Key) and other._text == self._text

    def __hash__(self) -> int:
        return hash(self._text)


@dataclass(frozen=True)
class Settings:
    """How to reach one account of the API.

    `endpoint` is a base URL without a trailing slash, or "" if `database`, the file of the embedded emulator, is set;
    `timeout` is for one request, in seconds; `max_retries` does not count the first attempt; `check_online` lets a
    preview query the API; `require_https` refuses endpoints that are not https; `rate_limit` applies to all calls of
    the process together.
    """

    api_key: Key
    endpoint: str = DEFAULT_ENDPOINT
    database: Path | None = None
    dialect: Dialect = "v1"
    timeout: float = 30.0
    max_retries: int = 5
    check_online: bool = False
    require_https: bool = False
    rate_limit: Rates = OFF

    @cached_property
    def account(self) -> str:
        """The account in a state: a storage format. Another key of the same endpoint may belong to another project.

        Raise `ConfigurationError` if the embedded database cannot be used.
        """
        if self.database:
            return f"emulator:{_database_id(self.database)}"
        url = urlsplit(self.endpoint)
        port = "" if url.port in (None, _PORTS[url.scheme]) else f":{url.port}"
        return f"{url.scheme}://{one_spelling(url.hostname or '')}{port}{url.path.rstrip('/')}"

    @property
    def shown_endpoint(self) -> str:
        """The endpoint as messages show it."""
        return f"the embedded emulator ({self.database})" if self.database else self.endpoint

    @classmethod
    def from_config(cls, get: Callable[[str], Any], environ: Mapping[str, str] | None = None) -> Settings:
        """Read the settings from a stack's configuration (`get("enkrypt:…")`), then from the environment.

        Raise `ConfigurationError` with the setting, its rule and what to do.
        """
        env = os.environ if environ is None else environ
        found = {name: _text(get(f"enkrypt:{name}")) for name in NAMES}
        where = _endpoint(found["endpoint"] or env.get(ENDPOINT_VARIABLE, "") or DEFAULT_ENDPOINT)
        require_https = _switch("requireHttps", found["requireHttps"] or "false")
        if require_https and not _is_https(where):
            raise _wrong("endpoint", f"{_NOT_HTTPS} such as {DEFAULT_ENDPOINT}")
        return cls(
            api_key=_key(found["apiKey"] or next(filter(None, map(env.get, KEY_VARIABLES)), ""), where),
            endpoint="" if isinstance(where, Path) else where,
            database=where if isinstance(where, Path) else None,
            dialect=_dialect(found["dialect"] or "v1"),
            timeout=_number("timeout", found["timeout"] or "30", 0.1, 3600),
            max_retries=int(_number("maxRetries", found["maxRetries"] or "5", 0, 20)),
            check_online=_switch("checkOnline", found["checkOnline"] or "false"),
            require_https=require_https,
            rate_limit=_rates(found["rateLimit"], where),
        )


NAMES: Final = (
    "apiKey", "endpoint", "dialect", "timeout", "maxRetries", "checkOnline", "requireHttps", "rateLimit",
)  # fmt: skip
_PORTS: Final = {"https": 443, "http": 80}
_RATE: Final = re.compile(r" *([0-9]{1,6}) */ *(s|sec|second|m|min|minute|h|hour) *", re.IGNORECASE)
_SECONDS: Final = {"s": 1.0, "m": 60.0, "h": 3600.0}
_NOT_HTTPS: Final = "must be https, because enkrypt:requireHttps is true: set a URL"


def _text(value: Any) -> str:
    # Pulumi passes every setting as a string; an explicit provider may pass a number.
    return "" if value is None else str(value).strip()


def _wrong(name: str, rule: str) -> ConfigurationError:
    return ConfigurationError(f"enkrypt:{name} {rule}")


def _key(text: str, where: str | Path) -> Key:
    if isinstance(where, Path):
        return Key(EMBEDDED)
    if not text:
        raise ConfigurationError(NO_KEY)
    if not text.isascii() or not text.isprintable() or " " in text:
        raise _wrong("apiKey", "must be printable ASCII without spaces: was something else pasted with it?")
    return Key(text)


_PRINTABLE: Final = re.compile(r"[!-~]+")
# Excludes what the HTTP client would refuse later, or parse differently from `urlsplit`.
_NETLOC: Final = re.compile(r"(?:[A-Za-z0-9_](?:[A-Za-z0-9_.-]*[A-Za-z0-9_])?\.?|\[[0-9A-Fa-f:.]+\])(?::\d*)?")


def _endpoint(text: str) -> str | Path:
    if text == EMBEDDED or text.startswith(f"{EMBEDDED}:"):
        if find_spec("flask") is None:
            raise _wrong("endpoint", 'is embedded, but the emulator is not installed: install the extra "emulator"')
        return Path(text.partition(":")[2].strip() or EMBEDDED_DATABASE).expanduser().absolute()
    try:
        url = urlsplit(text)
        host, _ = url.hostname, url.port
    except ValueError:
        raise _wrong("endpoint", "is not a URL") from None
    if host and (ascii_host := in_ascii(host)):
        raise _wrong("endpoint", f"must be ASCII: write its host as {ascii_host}")
    if url.scheme not in ("https", "http") or not host or not _PRINTABLE.fullmatch(text):
        raise _wrong("endpoint", f'must be "{EMBEDDED}" or a URL such as {DEFAULT_ENDPOINT}')
    if "@" in url.netloc or "?" in text or "#" in text:
        raise _wrong("endpoint", "must be a URL without user, password, query or fragment")
    if not _NETLOC.fullmatch(url.netloc):
        raise _wrong("endpoint", "is not a URL")
    if url.scheme == "http" and not is_loopback(host):
        raise _wrong("endpoint", "must be https: the key is sent over plain http only to this machine (127.0.0.1)")
    return text.rstrip("/")


def in_ascii(host: str) -> str:
    """Return the ASCII form (punycode) of a host name that is not ASCII; "" for any other."""
    with contextlib.suppress(UnicodeError):
        ascii_host = "" if host.isascii() else host.encode("idna").decode()
        return ascii_host if _NETLOC.fullmatch(ascii_host) else ""
    return ""


def _is_https(where: str | Path) -> bool:
    return isinstance(where, str) and urlsplit(where).scheme == "https"


def _database_id(database: Path) -> str:
    from .emulator import NotOurs, database_id

    try:
        return database_id(database)
    except NotOurs as error:
        raise ConfigurationError(f"enkrypt:endpoint: {plain(error, 400)}") from None


def one_spelling(host: str) -> str:
    """Return the canonical form of a host for comparison: lower case, ASCII, an IPv6 address in brackets."""
    name = (in_ascii(host) or host).casefold().rstrip(".")
    with contextlib.suppress(ValueError):
        address = ipaddress.ip_address(name.strip("[]"))
        return f"[{address}]" if address.version == 6 else str(address)
    return name


def is_address(host: str) -> bool:
    """Whether a text is an IP address, without brackets."""
    with contextlib.suppress(ValueError):
        return bool(ipaddress.ip_address(host))
    return False


def is_loopback(host: str) -> bool:
    """Whether a host is an address of this machine."""
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return host.casefold().rstrip(".") == "localhost"


def _dialect(text: str) -> Dialect:
    allowed = get_args(Dialect)
    if text not in allowed:
        hint = near_match(text, allowed)
        raise _wrong("dialect", f"must be one of {', '.join(allowed)}{hint}")
    return cast(Dialect, text)


def _switch(name: str, text: str) -> bool:
    if text.lower() not in ("true", "false"):
        raise _wrong(name, "must be true or false")
    return text.lower() == "true"


def _rates(text: str, where: str | Path) -> Rates:
    if not text:
        host = "" if isinstance(where, Path) else urlsplit(where).hostname or ""
        return VENDOR_RATES if f".{host}".rstrip(".").endswith(".enkryptai.com") else OFF
    if text.lower() in ("off", "false"):  # YAML reads a bare `off` as false
        return OFF
    matches = [_RATE.fullmatch(part) for part in text.split(",")]
    rates = tuple(Rate(int(match[1]), _SECONDS[match[2][0].lower()]) for match in matches if match)
    if len(rates) != len(matches) or any(rate.calls == 0 for rate in rates):
        raise _wrong("rateLimit", 'must be "off" or a number of calls per s, min or h, such as 3/s,100/min')
    return rates


def _number(name: str, text: str, lowest: float, highest: float) -> float:
    try:
        value = float(text)
    except ValueError:
        value = math.nan
    if not lowest <= value <= highest or (isinstance(lowest, int) and not value.is_integer()):
        kind = "a whole number" if isinstance(lowest, int) else "a number of seconds"
        raise _wrong(name, f"must be {kind} from {lowest:g} to {highest:g}")
    return value
