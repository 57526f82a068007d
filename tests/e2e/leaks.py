"""The search for secrets, under the name that the tests use."""

from enkrypt_provider.testing import Secrets

__all__ = ["Secrets"]
