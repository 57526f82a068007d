"""The search for secrets, under the name that the stories know."""

from enkrypt_provider.testing import Secrets

__all__ = ["Secrets"]
