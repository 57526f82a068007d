"""This provider, dynamic."""

import pulumi
from document import document

from enkrypt_provider import EnkryptModel

for number in range(pulumi.Config().require_int("models")):
    EnkryptModel(f"model-{number}", **document(number))
