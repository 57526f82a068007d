"""outputs.py: a model's outputs have names and types all the way down."""

from __future__ import annotations

from collections.abc import Callable
from operator import attrgetter
from typing import Any

import pytest
from documents import COMPUTED, document, everything
from mocked import run

from enkrypt_provider import EnkryptModel


def seen(read: Callable[[EnkryptModel], Any], **changed: Any) -> Any:
    """What a program reads from a model that it declares."""
    whole = {**everything("v2"), **changed}
    (found,) = run(lambda: read(EnkryptModel("m", **whole))).seen
    return found


@pytest.mark.parametrize(
    ("read", "expected"),
    [
        (lambda m: m.id, "Test_Model/1"),
        *((attrgetter(name), value) for name, value in COMPUTED.items()),
        (lambda m: m.certifications, ["GDPR", "SOC 2 Type II"]),
        (lambda m: m.deletion_protection, True),
        (lambda m: m.model_config.endpoint.host, "llm.internal"),
        (lambda m: m.model_config.endpoint.port, 8000),
        (lambda m: m.model_config.paths.vision, "/v"),
        (lambda m: m.model_config.auth_data.space_after_prefix, False),
        (lambda m: m.model_config.apikeys[0], "stand-in-key-1"),
        (lambda m: m.model_config.metadata["azure_instance"], "enkrypt2024"),
        (lambda m: m.model_config.default_request_options["nested"]["deep"], True),
        (lambda m: m.model_config.tools[0].name, "search"),
        (lambda m: m.model_config.custom_headers[0].key, "X-Team"),
        (lambda m: m.model_config.model_jwt_config.jwt_headers[0].value, "stand-in-client-key"),
        (lambda m: m.model_config.rate_per_min, 30),
        (lambda m: m.model_config.context.policy_description, "No advice."),
    ],
)
def test_an_output_has_its_name_and_its_type(read: Callable[[EnkryptModel], Any], expected: Any) -> None:
    """Attributes lead down to each value, so each object on the way is of its own class, not a dict.

    A whole number is an int, although the engine has floats.
    """
    found = seen(read)
    assert (found, type(found)) == (expected, type(expected))


@pytest.mark.parametrize(
    "read",
    [
        lambda m: m.model_config.paths.vision,
        lambda m: m.model_config.rate_per_min,
        lambda m: m.model_config.context,
        lambda m: m.deletion_protection,
    ],
)
def test_an_absent_output_is_none(read: Callable[[EnkryptModel], Any]) -> None:
    assert run(lambda: read(EnkryptModel("m", **document()))).seen == [None]
