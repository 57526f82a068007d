"""The emulated API, under the names that the end-to-end tests use."""

from enkrypt_provider.testing import Emulator as Api
from enkrypt_provider.testing import Registry
from enkrypt_provider.testing.emulator import ACCOUNT, Json

__all__ = ["ACCOUNT", "Api", "Json", "Registry"]
