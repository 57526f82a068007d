"""What a program writes: resources, their arguments and outputs, look-ups, the catalogue, policies."""
