"""What only one dialect can say, the other refuses at preview, and says where it belongs; open sets stay open."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from documents import BOXAI, document, everything, minimal
from pulumi.output import UNKNOWN

from enkrypt_provider.kinds.kind import Properties
from enkrypt_provider.kinds.markers import Dialect
from enkrypt_provider.kinds.model import MODEL, PROTOCOLS, PROTOCOLS_V2, PURPOSES, PURPOSES_V2

from .stack import Stack

Json = Any
VALUES: Properties = {
    **{f"model_config.{name}": value for name, value in everything("v2")["model_config"].items()},
    **{f"model_config.auth_data.{name}": value for name, value in BOXAI.items()},
    "model_config.conversation_template": "{{ messages }}",
}


def stack(dialect: Dialect) -> Stack:
    """Of an API that nobody may ask: a preview is answered without it."""

    def asked(_request: Any) -> Any:
        raise AssertionError("a preview calls nobody")

    return Stack.answered(dialect, asked)


def refusals(dialect: Dialect, program: Properties) -> list[tuple[str, str]]:
    """The failures of `check`: the property that each names, and its line."""
    return [(failure.property, failure.reason) for failure in stack(dialect).checked(program).failures]


OWN = [(path, only.dialect) for path, only in MODEL.only_in.items() if path != "model_type"]


@pytest.mark.parametrize(("path", "dialect"), OWN, ids=[path for path, _ in OWN])
def test_the_other_dialect_refuses_it_and_says_whose_it_is(path: str, dialect: Dialect) -> None:
    """One line: the path, the dialect that has it, both ways out. No property is named: its value would be shown."""
    program = minimal(**{path.replace(".", "__"): VALUES[path]})
    other: Dialect = "v2" if dialect == "v1" else "v1"
    line = f"{path}: is of dialect {dialect}: leave it out, or set enkrypt:dialect to {dialect}"
    assert refusals(other, program) == [("", line)]
    assert refusals(dialect, program) == []


def test_each_is_refused_by_itself() -> None:
    """A program that says all that v2 has is told all of it in v1, in the order of the table."""
    program = everything("v2")
    lines = [line for _, line in refusals("v1", program)]
    assert [line.partition(":")[0] for line in lines] == [path for path, dialect in OWN if dialect == "v2"]


@pytest.mark.parametrize("path", [path for path, dialect in OWN if dialect == "v2"])
def test_a_value_that_is_not_known_yet_is_not_refused(path: str) -> None:
    """At preview another resource's output may still be nothing."""
    program = minimal(**{f"model_config__{path.removeprefix('model_config.')}": UNKNOWN})
    assert refusals("v1", program) == []


def test_v1s_defaults_may_be_said_in_v2() -> None:
    """The document's own program is accepted in v2: what v1 alone has is at its default there."""
    assert refusals("v2", document()) == []


def test_the_type_has_one_value_in_either() -> None:
    """`model_type` can only be what it is by default, so that no dialect misses it."""
    line = 'model_type: must be one of text_2_text; did you mean "text_2_text"?'
    assert refusals("v1", minimal(model_type="text")) == refusals("v2", minimal(model_type="text")) == [("", line)]


def test_v1_refuses_the_values_of_v2() -> None:
    """In v1 both sets are closed: a protocol or a purpose of v2 is refused as such."""
    assert refusals("v1", minimal(model_config__is_compatible_with="sierra")) == [
        (
            "",
            f"model_config.is_compatible_with: must be one of {', '.join(PROTOCOLS)}; that one is of dialect v2",
        )
    ]
    assert refusals("v1", minimal(testing_for="agents")) == [
        ("", f"testing_for: must be one of {', '.join(PURPOSES)}; that one is of dialect v2")
    ]


def test_a_path_without_a_slash_is_v2s() -> None:
    """The official client's own defaults are no paths to the document."""
    program = minimal(model_config__paths={"chat": "chat/completions", "vision": "images"})
    rule = 'must be empty or start with "/" and hold no spaces, such as "/v1"'
    assert refusals("v1", program) == [
        ("", f"model_config.paths.chat: {rule}"),
        ("", f"model_config.paths.vision: {rule}"),
    ]
    assert refusals("v2", program) == []
    spaced = minimal(model_config__paths={"chat": "chat completions"})
    assert refusals("v2", spaced) == [("", "model_config.paths.chat: must hold no spaces")]


def test_a_model_behind_a_command_needs_no_endpoint_in_v2_alone() -> None:
    """A curl command says itself where the model is, where there is one."""
    program: Json = minimal(model_config__custom_curl_command="curl https://h")
    del program["model_config"]["endpoint"]
    assert refusals("v2", program) == []
    del program["model_config"]["custom_curl_command"]
    assert refusals("v2", program) == [("", "model_config.endpoint: is required")]
    assert refusals("v1", program) == [("", "model_config.endpoint: is required")]


DOUBTED = "is none of the values known to this provider and is sent as it is"
DOUBTS: list[tuple[Properties, str]] = [
    (
        minimal(model_config__is_compatible_with="siera"),
        f'model_config.is_compatible_with: {DOUBTED}; did you mean "sierra"?',
    ),
    (
        minimal(model_config__is_compatible_with="Open AI"),
        f'model_config.is_compatible_with: {DOUBTED}; did you mean "openai"?',
    ),
    (minimal(model_config__is_compatible_with="zzz"), f"model_config.is_compatible_with: {DOUBTED}"),
    (minimal(testing_for="agent"), f'testing_for: {DOUBTED}; did you mean "agents"?'),
    (minimal(testing_for="Chatbots"), f'testing_for: {DOUBTED}; did you mean "Chatbot"?'),
]


@pytest.mark.parametrize(("program", "line"), DOUBTS)
def test_what_v2_leaves_open_is_accepted_with_a_warning(
    program: Properties, line: str, capsys: pytest.CaptureFixture[str]
) -> None:
    """An unknown provider or purpose is accepted in v2; one line names the model, the field and the near match."""
    assert refusals("v2", program) == []
    assert capsys.readouterr().err.splitlines() == [f"warning: small/v1: {line}"]


@pytest.mark.parametrize("dialect", ["v1", "v2"])
def test_what_is_known_is_accepted_in_silence(dialect: Dialect, capsys: pytest.CaptureFixture[str]) -> None:
    """Nobody is warned of a value that the dialect has."""
    more = dialect == "v2"
    for protocol in PROTOCOLS + PROTOCOLS_V2 * more:
        assert refusals(dialect, minimal(model_config__is_compatible_with=protocol)) == []
    for purpose in PURPOSES + PURPOSES_V2 * more:
        assert refusals(dialect, minimal(testing_for=purpose)) == []
    assert capsys.readouterr().err == ""


@pytest.mark.parametrize(
    "changes",
    [{"model_config__is_compatible_with": "brand_new"}, {"testing_for": "Something new"}],
    ids=["provider", "purpose"],
)
def test_what_v2_leaves_open_is_registered(database: Path, changes: Properties) -> None:
    """The API has the last word on what is open, and takes it."""
    program = minimal(**changes)
    open_stack = Stack.configured("v2", database)
    assert open_stack.drift(open_stack.create(program), program) == []
