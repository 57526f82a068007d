"""Does a registered model answer?"""

from __future__ import annotations

from ..api.client import EnkryptClient
from ..api.redaction import redacted
from ..errors import EnkryptError, plain
from ..kinds.kind import Identifier, Json, Properties
from ..kinds.model import MODEL


def problem(client: EnkryptClient, identity: Identifier, inputs: Properties) -> str:
    """Return why the model, registered with `inputs`, does not answer, or ""."""
    try:
        health = client.until_visible(lambda: client.model_health(identity))
    except EnkryptError as error:
        return f"{identity}: its health could not be verified: {error}"
    reason = redacted(illness(health), MODEL.secret_texts(inputs))
    return f"{identity} does not answer: {reason}" if reason else ""


def illness(health: Json) -> str:
    """Return what a response of the health check says is wrong, or "". The shape of that response is a guess [G]."""
    status = health.get("status") if isinstance(health, dict) else None
    if not isinstance(status, str) or status.casefold() in ("healthy", "ok", "success", "up"):
        return ""
    return plain(f"{status}: {health.get('message') or health.get('error') or 'no reason given'}", 300)
