"""The catalogue in a stack's configuration: `catalogue.declare()`, `catalogue.load()`. See program/catalogue.py."""

from .program.catalogue import MODELS, Catalogue, declare, load
from .program.placeholders import SECRET, VALUE, mapped, meant

__all__ = ["MODELS", "SECRET", "VALUE", "Catalogue", "declare", "load", "mapped", "meant"]
