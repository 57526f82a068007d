"""The promise that the provider speaks the API as others do: the official client of v2, the document of v1."""
