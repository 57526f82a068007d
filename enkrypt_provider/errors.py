"""The tree of errors, by who is to blame; each is one line that says what happened, to which model and what to do.

No message here may hold a key, a header's value or a request's body. Names and paths are shown through
`plain`, so that a hostile one cannot break the line or colour the terminal.
"""

from __future__ import annotations

from dataclasses import dataclass

_SHOWN = 200


def plain(text: object, limit: int = _SHOWN) -> str:
    """`text` on one line of printable characters, cut at `limit` characters."""
    line = "".join(c if c.isprintable() else " " for c in str(text)[: limit + 1])
    return line if len(line) <= limit else line[: limit - 1] + "…"


def counted(number: int, noun: str) -> str:
    """`1 model`, `2 models`."""
    return f"{number} {noun}{'s' * (number != 1)}"


def near_match(value: str, allowed: tuple[str, ...], cutoff: float = 0.5) -> str:
    """`; did you mean "X"?` for the allowed value nearest to `value`, or nothing."""
    import difflib  # only a mistake needs it

    folded = {name.casefold().replace(" ", ""): name for name in allowed}
    word = value[:64].casefold().replace(" ", "")
    near = difflib.get_close_matches(word, folded, n=1, cutoff=cutoff) if len(word) > 2 else []
    return f'; did you mean "{folded[near[0]]}"?' if near else ""


@dataclass(frozen=True)
class Problem:
    """One field that breaks a rule. `str()` is one line without any value."""

    path: str
    rule: str

    def is_within(self, other: Problem) -> bool:
        """Whether the field of another problem is the same one, or holds it."""
        return f"{self.path}.".startswith((f"{other.path}.", f"{other.path}["))

    def __str__(self) -> str:
        return f"{self.path}: {self.rule}" if self.path else self.rule


class EnkryptError(Exception):
    """Anything that a user of this provider can be told in one line."""


class ConfigurationError(EnkryptError):
    """A setting is missing or wrong: nothing was sent."""


class DeletionProtected(EnkryptError):
    """A protected registration would be deleted or replaced: nothing was sent."""


class ModelUnhealthy(EnkryptError):
    """The model was registered and does not answer."""


class Interrupted(EnkryptError):
    """The person who ran the command interrupted a wait."""


class RequestRejected(EnkryptError):
    """The API refused a request (4xx).

    Attributes: `status`, the HTTP status; `request_id`, the API's own id of the request, or "".
    """

    def __init__(self, message: str, *, status: int = 0, request_id: str = "") -> None:
        super().__init__(f"{message} (request id {plain(request_id, 80)})" if request_id else message)
        self.status = status
        self.request_id = request_id


class AuthenticationFailed(RequestRejected):
    """401 or 403: the API does not accept the key."""


class ModelNotFound(RequestRejected):
    """404: to `read` it means gone, to `delete` it means done."""


class ModelExists(RequestRejected):
    """The identity is taken, by a registration that this create did not make."""


class ServiceUnavailable(EnkryptError):
    """The API could not be reached or kept failing: retries are spent.

    Attributes: `attempts`, how often the request was tried.
    """

    def __init__(self, message: str, *, attempts: int = 1) -> None:
        super().__init__(message)
        self.attempts = attempts


class UnexpectedResponse(EnkryptError):
    """The other side broke its contract: nothing of its response was kept."""


# What the console shows before a message is the class's qualified name: keep it short and public.
for _error in [it for it in vars().values() if isinstance(it, type) and issubclass(it, EnkryptError)]:
    _error.__module__ = "enkrypt_provider"
