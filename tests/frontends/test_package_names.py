"""The package's names, derived mechanically from the API's."""

from __future__ import annotations

import pytest
from documents import everything, minimal

from enkrypt_provider.frontends.package_names import (
    from_package,
    is_default_provider,
    package_steps,
    problem_in_package,
    property_path,
    to_package,
)
from enkrypt_provider.frontends.package_schema import camel, snake
from enkrypt_provider.kinds.markers import Dialect
from enkrypt_provider.kinds.model import MODEL
from enkrypt_provider.kinds.registry import KINDS


def test_names_in_python_match_the_api() -> None:
    """So a generated SDK and this package's own classes have the same field names."""
    fixed = {
        field.name for kind in KINDS for field in kind.fields.values() if not (field.parent and field.parent.is_map)
    }
    assert {name: snake(camel(name)) for name in fixed} == {name: name for name in fixed}
    assert camel("apikeys") == "apikeys"
    assert len(fixed) > 40


@pytest.mark.parametrize(
    ("name", "is_default"),
    [
        ("default", True), ("default_0_2_0", True), ("default_0_2_0_alpha_1", True),
        ("default_0_2_0_github_/api.github.com/enkryptai", True), ("default_https_/get.example.com", True),
        ("default-eu", False), ("defaults", False), ("default_eu", False), ("default_0_2", False), ("eu", False),
    ],
)  # fmt: skip
def test_the_default_provider_is_recognised_by_its_whole_name(name: str, is_default: bool) -> None:
    """A program may call its own provider `default-eu`."""
    assert is_default_provider(f"urn:pulumi:dev::shop::pulumi:providers:enkrypt::{name}") is is_default


@pytest.mark.parametrize("dialect", ["v1", "v2"])
def test_every_document_survives_the_round_trip(dialect: Dialect) -> None:
    document = everything(dialect)
    there = to_package(MODEL, document)
    assert "modelSavedName" in there
    assert there != document
    assert from_package(MODEL, there) == document


def test_the_apis_names_are_accepted_too() -> None:
    """States of the dynamic provider have them."""
    assert from_package(MODEL, minimal()) == minimal()
    assert from_package(MODEL, {"nonsense": 1, "modelName": "x"}) == {"nonsense": 1, "model_name": "x"}


@pytest.mark.parametrize(
    ("path", "shown"),
    [
        (("model_config", "apikeys", 0), "modelConfig.apikeys[0]"),
        (("model_config", "custom_headers", 1, "value"), "modelConfig.customHeaders[1].value"),
        (("model_config", "metadata", "a.b", 'c"d'), 'modelConfig.metadata["a.b"]["c\\"d"]'),
        (("model_config", "metadata", "max_tokens"), "modelConfig.metadata.max_tokens"),
    ],
)  # fmt: skip
def test_a_path_has_the_engines_syntax(path: tuple[str | int, ...], shown: str) -> None:
    assert property_path(package_steps(MODEL, path)) == shown


def test_a_problem_has_the_packages_names() -> None:
    assert problem_in_package(MODEL, "model_config.base_path2: unlike base_path") == (
        "modelConfig.base_path2: unlike basePath"
    )
