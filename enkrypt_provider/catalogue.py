"""The catalogue of models in a stack's configuration: `catalogue.load()`. It is program/catalogue.py."""

from .program.catalogue import MODELS, SECRET, VALUE, load, mapped, meant

__all__ = ["MODELS", "SECRET", "VALUE", "load", "mapped", "meant"]
