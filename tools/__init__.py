"""Generators for everything that follows from kinds/, except the documentation."""
