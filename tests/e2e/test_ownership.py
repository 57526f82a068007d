"""Ownership of registrations: adoption, protection, forced replacement."""

from __future__ import annotations

from .harness import Story
from .programs import model


def test_adoption_must_be_allowed_and_protection_is_enforced(story: Story) -> None:
    """Taking over and deleting are refused before anything changes, until the program allows them."""
    api = story.api()
    stack = story.declaring(api, mine=model("taken"))
    api.add(model("taken", hosting_type="Internal"))
    number = api.models()["taken/v1"]["model_id"]
    refused = stack.up(fails=True).text
    assert "taken/v1 is registered already" in refused
    assert "model_config.hosting_type" in refused
    assert "adopt_existing=True" in refused
    stack.config_set({"enkrypt:checkOnline": "true"})
    assert "taken/v1 is registered already: to take it over set adopt_existing=True" in stack.preview(fails=True).text

    adopted = {**model("taken"), "adopt_existing": True}
    stack.declare(mine=adopted)
    api.calls()
    assert "taken/v1 is registered already: it will be adopted" in stack.preview().text
    assert api.calls() == ["consumer_info", "list_models"]
    assert "adopted and updated to match the program" in stack.up().text
    assert (api.models()["taken/v1"]["model_config"]["hosting_type"], len(api.models())) == ("External", 1)
    forced = stack.up("--replace", stack.export()["mine"]["urn"])
    assert "taken/v1 is kept" in forced.text
    assert api.models()["taken/v1"]["model_id"] == number

    kept = {**adopted, "deletion_protection": True}
    stack.declare(mine=kept, other=model("other"))
    stack.up()
    api.calls()
    # With its preview, as users run it: the engine refuses there, before it deletes the unprotected one.
    assert "protect" in stack.run("destroy", "--yes", fails=True).text
    stack.declare(mine={**kept, "model_saved_name": "renamed"})
    renamed = stack.preview(fails=True)
    assert "taken/v1 is protected from deletion and replacement: set deletion_protection=False" in renamed.text
    assert sorted(api.models()) == ["other/v1", "taken/v1"]
    stack.declare(mine={**kept, "deletion_protection": False}, other=model("other"))
    stack.up()
    assert not [call for call in api.calls() if call.startswith(("add", "modify", "delete"))]
    stack.destroy()
    assert api.models() == {}
