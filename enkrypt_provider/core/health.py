"""Does a registered model answer?"""

from __future__ import annotations

from collections.abc import Iterable

from ..api.client import EnkryptClient
from ..api.redaction import redacted, secrets_in
from ..errors import EnkryptError, ModelUnhealthy, plain
from ..kinds.kind import Identifier, Json, Properties
from ..kinds.markers import Reaches
from ..kinds.model import MODEL


def may_change_by(paths: Iterable[str]) -> bool:
    """Whether a change of these fields can make a model unreachable."""
    return any(path.startswith(MODEL.marked(Reaches)) for path in paths)


def verify(client: EnkryptClient, identity: Identifier, inputs: Properties) -> None:
    """Raise `ModelUnhealthy` where the model, registered with `inputs`, does not answer."""
    try:
        health = client.until_visible(lambda: client.model_health(identity))
    except EnkryptError as error:
        raise ModelUnhealthy(f"{identity}: its health could not be verified: {error}") from None
    if reason := redacted(illness(health), secrets_in(inputs)):
        raise ModelUnhealthy(f"{identity} does not answer: {reason}")


def illness(health: Json) -> str:
    """Return what a response of the health check says is wrong, or "". The shape of that response is a guess [G]."""
    status = health.get("status") if isinstance(health, dict) else None
    if not isinstance(status, str) or status.casefold() in ("healthy", "ok", "success", "up"):
        return ""
    return plain(f"{status}: {health.get('message') or health.get('error') or 'no reason given'}", 300)
