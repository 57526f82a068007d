"""What every registration has besides what it is for."""

from __future__ import annotations

from typing import Annotated

from .document import Document
from .markers import Option, ServerSet
from .values import Flag


class Managed(Document):
    """Options of this provider, and what the server says of every registration."""

    adopt_existing: Annotated[Flag, Option()] = None
    """Whether create takes over a registration of the same identity that is there already, and updates it to what is
    declared. Otherwise that is an error. Not sent to the API."""
    deletion_protection: Annotated[Flag, Option()] = None
    """Whether a delete or a replacement of this registration is refused, before anything is changed. Implies the
    resource option `protect`. To lift it set it to false, run `pulumi up`, then delete."""
    project_name: Annotated[str | None, ServerSet()] = None
    """The project that the API key belongs to."""
    created_at: Annotated[str | None, ServerSet()] = None
    """When it was registered, in ISO 8601."""
    updated_at: Annotated[str | None, ServerSet()] = None
    """When it was last changed, in ISO 8601."""
