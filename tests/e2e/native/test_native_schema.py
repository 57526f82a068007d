"""The native package's schema, as the engine gets and checks it."""

from __future__ import annotations

import json

from enkrypt_provider.frontends import package_schema

from ..harness import Story
from .projects import launcher


def test_the_engine_gets_a_valid_schema(story: Story) -> None:
    stack = story.empty("project")
    plugin = launcher(story.folder / "plugin") / "pulumi-resource-enkrypt"
    schema = stack.run("package", "get-schema", str(plugin)).stdout
    assert json.loads(schema)["resources"].keys() == package_schema.package()["resources"].keys()
    stack.write("schema.json", schema)
    stack.run("schema", "check", "schema.json")
