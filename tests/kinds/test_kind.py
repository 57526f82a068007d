"""kinds/kind.py: what follows from a kind's declaration, for one with versions and for one without."""

from __future__ import annotations

from enkrypt_provider.kinds import codec
from enkrypt_provider.kinds.guardrails_policy import GUARDRAILS_POLICY
from enkrypt_provider.kinds.kind import Identifier
from enkrypt_provider.kinds.model import MODEL
from enkrypt_provider.kinds.plain import UNKNOWN


def test_an_identity_without_a_version_is_the_name() -> None:
    inputs, _ = codec.parse(GUARDRAILS_POLICY, {"name": "p", "detectors": {}})
    identity = GUARDRAILS_POLICY.known_identity(inputs)
    assert identity == GUARDRAILS_POLICY.identity_in({"name": "p"}) == GUARDRAILS_POLICY.identity_from("p")
    assert identity == Identifier("p", "")
    assert str(identity) == "p"
    assert identity.is_sendable
    assert GUARDRAILS_POLICY.headers(identity) == {"X-Enkrypt-Policy": "p"}
    unknown, problems = codec.parse(GUARDRAILS_POLICY, {"name": UNKNOWN, "detectors": {}})
    assert (problems, GUARDRAILS_POLICY.known_identity(unknown)) == ([], None)


def test_a_models_identity_is_name_and_version() -> None:
    """Both have a header, and an id without a version means the default one."""
    identity = MODEL.identity_from("a")
    assert identity == Identifier("a", "v1")
    assert MODEL.headers(identity) == {"X-Enkrypt-Model": "a", "X-Enkrypt-Model-Version": "v1"}


def test_what_tells_two_apart_is_the_end_of_the_identity() -> None:
    assert (MODEL.distinction, GUARDRAILS_POLICY.distinction) == ("model_version", "name")
    assert (MODEL.has_dialects, GUARDRAILS_POLICY.has_dialects) == (True, False)
