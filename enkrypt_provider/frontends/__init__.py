"""The front ends: each translates an engine's requests into the core's types, and the results back."""
