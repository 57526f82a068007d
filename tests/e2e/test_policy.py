"""Policies with the real engine: a line for each violation, and nothing registered, at preview or at `up`."""

from __future__ import annotations

from .harness import Story

PROGRAM = """
import os
import pulumi
from enkrypt_provider import EnkryptModel, policy

config = pulumi.Config()


def no_default_name(model):
    return "model_saved_name must not be chat" if model["model_saved_name"] == "chat" else None


policy.enforce(policy.https_only, policy.certified("GDPR", "HIPAA"), advisory=[no_default_name])


def declared(name, scheme, *certifications):
    endpoint = {"host": "h.example.com", "scheme": scheme}
    model_config = {
        "is_compatible_with": "openai",
        "endpoint": endpoint,
        "apikeys": [config.require_secret("key")],
    }
    return {"model_saved_name": name, "certifications": certifications, "model_config": model_config}


first = EnkryptModel("first", **declared("chat", "https", "GDPR", "HIPAA"))
later = first.created_at.apply(lambda _: config.get("scheme") or "https")  # unknown until `first` exists
EnkryptModel("second", **declared("second", later, "GDPR", *config.get_object("more", [])))
"""
ADVISED = "warning: first: model_saved_name must not be chat (policy no_default_name, advisory)"
UNCERTIFIED = 'second: certifications must include "HIPAA" (policy certified, mandatory)'
PLAIN_HTTP = "second: model_config.endpoint.scheme must be https (policy https_only, mandatory)"
REFUSED = "second: 1 policy violation: not registered"


def test_known_fields_are_checked_at_preview_and_the_rest_at_up(story: Story) -> None:
    """A rule on an unknown field waits for `up`, which registers only compliant models; no key is shown."""
    api = story.api()
    stack = story.project(PROGRAM, api)
    stack.config_set({"story:scheme": "http"}, secrets={"story:key": story.secrets.make("the models' key")})

    preview = stack.preview(fails=True)
    assert preview.errors == [UNCERTIFIED, REFUSED]
    assert preview.lines.count(ADVISED) == 1
    assert api.calls() == []
    stack.config_set({"story:more": '["HIPAA"]'})
    stack.preview()
    up = stack.up(fails=True)
    assert up.errors == [PLAIN_HTTP, REFUSED]
    assert "Traceback" not in up.text
    assert list(api.models()) == ["chat/v1"]
    stack.config_set({"story:scheme": "https"})
    stack.up()
    assert set(api.models()) == {"chat/v1", "second/v1"}
