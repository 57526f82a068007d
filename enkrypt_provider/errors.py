"""The exception hierarchy. Every message is one line: what happened, to which model, and what to do about it.

No message may contain a key, a header value or a request body. Names and paths are shown through `plain`, so that a
hostile one cannot break the line or colour the terminal.
"""

from __future__ import annotations

from dataclasses import dataclass

_SHOWN = 200


def plain(text: object, limit: int = _SHOWN) -> str:
    """Return `text` as one line of printable characters, truncated to `limit` characters."""
    line = "".join(c if c.isprintable() else " " for c in str(text)[: limit + 1])
    return line if len(line) <= limit else line[: limit - 1] + "…"


def counted(number: int, noun: str) -> str:
    """Return `1 model`, `2 models`."""
    return f"{number} {noun}{'s' * (number != 1)}"


def near_match(value: str, allowed: tuple[str, ...], cutoff: float = 0.5) -> str:
    """Return `; did you mean "X"?` for the allowed value closest to `value`, or an empty string."""
    import difflib  # only a mistake needs it

    folded = {name.casefold().replace(" ", ""): name for name in allowed}
    word = value[:64].casefold().replace(" ", "")
    near = difflib.get_close_matches(word, folded, n=1, cutoff=cutoff) if len(word) > 2 else []
    return f'; did you mean "{folded[near[0]]}"?' if near else ""


@dataclass(frozen=True)
class Problem:
    """A field that breaks a rule. `str()` is one line that shows no value."""

    path: str
    rule: str

    def is_within(self, other: Problem) -> bool:
        """Whether the other problem is about the same field or an object that contains it."""
        return f"{self.path}.".startswith((f"{other.path}.", f"{other.path}["))

    def __str__(self) -> str:
        return f"{self.path}: {self.rule}" if self.path else self.rule


class EnkryptError(Exception):
    """The base class of errors that are shown to users as one line."""


class ConfigurationError(EnkryptError):
    """A setting is missing or wrong: nothing was sent."""


class DeletionProtected(EnkryptError):
    """A protected registration would be deleted or replaced: nothing was sent."""


class ModelUnhealthy(EnkryptError):
    """The model was registered but does not respond."""


class Interrupted(EnkryptError):
    """The user interrupted a wait."""


class RequestRejected(EnkryptError):
    """The API refused a request (4xx).

    Attributes: `status`, the HTTP status; `request_id`, the API's own id for the request, or "".
    """

    def __init__(self, message: str, *, status: int = 0, request_id: str = "") -> None:
        super().__init__(f"{message} (request id {plain(request_id, 80)})" if request_id else message)
        self.status = status
        self.request_id = request_id


class AuthenticationFailed(RequestRejected):
    """401 or 403: the API does not accept the key."""


class ModelNotFound(RequestRejected):
    """404: for `read` the registration is gone, for `delete` the work is done."""


class ModelExists(RequestRejected):
    """Another registration already has this identity."""


class ServiceUnavailable(EnkryptError):
    """The API could not be reached or kept failing, and no retries are left.

    Attributes: `attempts`, the number of times the request was tried.
    """

    def __init__(self, message: str, *, attempts: int = 1) -> None:
        super().__init__(message)
        self.attempts = attempts


class UnexpectedResponse(EnkryptError):
    """The response broke the API's contract: nothing from it was kept."""


# The console shows the class's qualified name before a message: keep it short and public.
for _error in [it for it in vars().values() if isinstance(it, type) and issubclass(it, EnkryptError)]:
    _error.__module__ = "enkrypt_provider"
