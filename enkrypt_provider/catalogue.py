"""The catalogue in a stack's configuration: `catalogue.declare()`, `catalogue.load()`. It is program/catalogue.py."""

from .program.catalogue import MODELS, SECRET, VALUE, Catalogue, declare, load, mapped, meant

__all__ = ["MODELS", "SECRET", "VALUE", "Catalogue", "declare", "load", "mapped", "meant"]
