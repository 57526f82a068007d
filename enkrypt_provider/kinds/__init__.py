"""What can be registered: one module for each kind, and the vocabulary in which kinds are declared."""
