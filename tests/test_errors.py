"""errors.py: errors that are one line."""

from __future__ import annotations

import pulumi
import pytest
from hypothesis import given
from hypothesis import strategies as st

from enkrypt_provider.errors import (
    EnkryptError,
    ModelNotFound,
    RequestRejected,
    ServiceUnavailable,
    plain,
)
from enkrypt_provider.program.errors import one_line


@given(st.text(), st.integers(2, 50))
def test_plain_is_one_bounded_printable_line(text: str, limit: int) -> None:
    """No text breaks the line, colours the terminal, or exceeds its limit."""
    line = plain(text, limit)
    assert line.isprintable()
    assert len(line) == min(len(text), limit)


@pytest.mark.parametrize(
    ("text", "shown"),
    [
        ("Test_Model/v1", "Test_Model/v1"),
        ("two\nlines\tand \x1b[31mred", "two lines and  [31mred"),
        ("left\u202eright", "left right"),
        ("x" * 201, "x" * 199 + "…"),
        ("x" * 200, "x" * 200),
        (443, "443"),
    ],
)
def test_plain_keeps_printable_characters(text: object, shown: str) -> None:
    """Other characters become spaces, and truncation is marked."""
    assert plain(text) == shown


def test_rejection_ends_with_the_request_id_if_known() -> None:
    """The id is part of the line, so that a copied line is enough for support."""
    error = RequestRejected("create a/v1: 400", status=400, request_id="abc\n123")
    assert str(error) == "create a/v1: 400 (request id abc 123)"
    assert (error.status, error.request_id) == (400, "abc\n123")
    assert str(RequestRejected("create a/v1: 400", status=400)) == "create a/v1: 400"


# ---- in a program


@pytest.mark.parametrize(
    "error",
    [
        ModelNotFound("no model a/v1 is registered", status=404, request_id="abc"),
        ServiceUnavailable("list the models: no response", attempts=6),
    ],
)
def test_error_in_a_program_is_one_line_and_keeps_its_name(error: EnkryptError) -> None:
    """The engine shows a `RunError` without a traceback; a program can still catch the error by its own class."""

    @one_line
    def look_up() -> None:
        raise error

    with pytest.raises(type(error)) as caught:
        look_up()
    assert isinstance(caught.value, pulumi.RunError)
    assert (str(caught.value), vars(caught.value)) == (str(error), vars(error))
    assert (
        f"{type(caught.value).__module__}.{type(caught.value).__name__}" == f"enkrypt_provider.{type(error).__name__}"
    )


def test_bug_keeps_its_traceback() -> None:
    """Unexpected exceptions are raised unchanged."""

    @one_line
    def look_up() -> None:
        raise LookupError("a bug")

    with pytest.raises(LookupError) as caught:
        look_up()
    assert not isinstance(caught.value, pulumi.RunError)
