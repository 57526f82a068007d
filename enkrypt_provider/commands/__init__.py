"""What the commands of cli.py do: each module is one concern of theirs, and none is imported by the provider."""
