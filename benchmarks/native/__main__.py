"""This provider's native plugin, used from Python."""

import pulumi
from document import document

from enkrypt_provider import native

for number in range(pulumi.Config().require_int("models")):
    native.EnkryptModel(f"model-{number}", **document(number))
