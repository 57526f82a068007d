"""Tests that the provider speaks the API as others do: v2 as the official client, v1 as the document."""
