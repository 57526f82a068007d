"""Does a registered model answer?"""

from __future__ import annotations

from ..api.client import EnkryptClient
from ..api.responses import Hide
from ..errors import EnkryptError, plain
from ..kinds.kind import Identifier, Json, Properties
from ..kinds.model import MODEL


def problem(client: EnkryptClient, identity: Identifier, inputs: Properties) -> str:
    """Return why the model, registered with `inputs`, does not answer, or ""."""
    client.hide(MODEL.secret_texts(inputs))
    try:
        health = client.until_visible(lambda: client.model_health(identity))
    except EnkryptError as error:
        return f"{identity}: its health could not be verified: {error}"
    reason = illness(health, client.without_keys)
    return f"{identity} does not answer: {reason}" if reason else ""


def illness(health: Json, hide: Hide = str) -> str:
    """Return what a response of the health check says is wrong, or "". The shape of that response is a guess [G], but
    that an `error` in it is one [P]."""
    said = health if isinstance(health, dict) else {}
    status = said.get("status")
    if isinstance(status, str) and status.casefold() in ("healthy", "ok", "success", "up"):
        return ""
    if isinstance(status, str):
        return plain(hide(f"{status}: {said.get('message') or said.get('error') or 'no reason given'}"), 300)
    return plain(hide(f"{said.get('message') or said['error']}"), 300) if said.get("error") else ""
