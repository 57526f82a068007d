"""This provider."""

import pulumi
from document import document

from enkrypt_provider import EnkryptModel, EnkryptProvider

config = pulumi.Config()
accounts = [
    EnkryptProvider(
        f"account-{number}",
        api_key=pulumi.Config("enkrypt").require_secret("apiKey"),
        endpoint=pulumi.Config("enkrypt").require("endpoint"),
    )
    for number in range(config.get_int("providers") or 0)
] or [None]
first = config.get_int("first") or 0
for number in range(first, first + config.require_int("models")):
    opts = pulumi.ResourceOptions(provider=accounts[number % len(accounts)])
    EnkryptModel(f"model-{number}", **document(number), opts=opts)
