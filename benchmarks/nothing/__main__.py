"""A provider that does nothing."""

import pulumi
from document import document
from nothing import Model

for number in range(pulumi.Config().require_int("models")):
    Model(f"model-{number}", document(number, pulumi.Output.secret("stand-in-key")))
