"""The kinds of registration: one module per kind, and the vocabulary for declaring them."""
