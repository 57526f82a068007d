"""The API for programs: resources, their arguments and outputs, look-ups, the catalogue, policies."""
