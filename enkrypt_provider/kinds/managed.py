"""The fields that every kind of registration has."""

from __future__ import annotations

from typing import Annotated

from .document import Document
from .markers import Option, ServerSet
from .values import Flag


class Managed(Document):
    """Options of this provider, and the outputs that the server sets for every registration."""

    adopt_existing: Annotated[Flag, Option()] = None
    """Whether create takes over an existing registration with the same identity and updates it to what is declared.
    Otherwise an existing registration is an error. Not sent to the API."""
    deletion_protection: Annotated[Flag, Option()] = None
    """Whether deleting or replacing this registration is refused before anything is changed. Implies the resource
    option `protect`. To delete it after all, set this to false, run `pulumi up`, then delete."""
    project_name: Annotated[str | None, ServerSet()] = None
    """The project that the API key belongs to."""
    created_at: Annotated[str | None, ServerSet()] = None
    """When it was registered, in ISO 8601."""
    updated_at: Annotated[str | None, ServerSet()] = None
    """When it was last changed, in ISO 8601."""
