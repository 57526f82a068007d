"""The API that a story's stack meets, under the names that the stories know."""

from enkrypt_provider.testing import Emulator as Api
from enkrypt_provider.testing import Registry as Look
from enkrypt_provider.testing.emulator import ACCOUNT, Json

__all__ = ["ACCOUNT", "Api", "Json", "Look"]
