"""Checks whether a registered model responds."""

from __future__ import annotations

from ..api.client import EnkryptClient
from ..api.responses import Hide
from ..errors import EnkryptError, plain
from ..kinds.kind import Identifier, Json, Properties
from ..kinds.model import MODEL


def problem(client: EnkryptClient, identity: Identifier, inputs: Properties) -> str:
    """Return why the model, registered with `inputs`, does not respond, or ""."""
    client.hide(MODEL.secret_texts(inputs))
    try:
        health = client.until_visible(lambda: client.model_health(identity))
    except EnkryptError as error:
        return f"{identity}: its health could not be verified ({error})"
    reason = illness(health, client.without_keys)
    return f"{identity} does not respond: {reason}" if reason else ""


def illness(health: Json, hide: Hide = str) -> str:
    """Return the problem that a health check's response reports, or "". The response's shape is a guess [G], except
    that an `error` in it is a problem [P]."""
    response = health if isinstance(health, dict) else {}
    status = response.get("status")
    if isinstance(status, str) and status.casefold() in ("healthy", "ok", "success", "up"):
        return ""
    if isinstance(status, str):
        return plain(hide(f"{status}: {response.get('message') or response.get('error') or 'no reason given'}"), 300)
    return plain(hide(f"{response.get('message') or response['error']}"), 300) if response.get("error") else ""
