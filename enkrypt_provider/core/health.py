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
    """Return what a response of the health check says is wrong, or "". The shape of that response is a guess [G], but
    that an `error` in it is one [P]."""
    said = health if isinstance(health, dict) else {}
    status = said.get("status")
    if isinstance(status, str) and status.casefold() in ("healthy", "ok", "success", "up"):
        return ""
    if isinstance(status, str):
        return plain(f"{status}: {said.get('message') or said.get('error') or 'no reason given'}", 300)
    return plain(f"{said.get('message') or said['error']}", 300) if said.get("error") else ""
