"""graph.py: a picture of `pulumi stack graph`, with each resource to the right of its dependencies."""

from __future__ import annotations

import re
import subprocess
import sys
from pathlib import Path
from xml.etree import ElementTree

from graph import of_dot, svg

HERE = Path(__file__).parent
DOT = """strict digraph {
    Resource0 [label="urn:pulumi:dev::p::test:index:Server::a"];
    Resource0 -> Resource2 [color = "#246C60", label = "model_config, certifications"];
    Resource0 -> Resource3 [color = "#246C60"];
    Resource2 [label="urn:pulumi:dev::p::test:index:Llm$pulumi-python:dynamic/enkrypt:EnkryptModel::b<>"];
    Resource2 -> Resource3 [color = "#246C60", label = "model_config"];
    Resource3 [label="urn:pulumi:dev::p::pulumi-python:dynamic/enkrypt:EnkryptModel::c"];
    Resource4 [label="urn:pulumi:dev::p::pulumi:pulumi:Stack::p-dev"];
    Resource4 -> Resource0 [color = "#246C60"];
    Resource5 [label="urn:pulumi:dev::p::pulumi:providers:pulumi-python::default"];
    Resource5 -> Resource0 [color = "#246C60"];
}
"""


def test_each_resource_is_right_of_its_dependencies() -> None:
    """Three resources in three columns of a well-formed SVG; the stack and default providers are omitted."""
    picture = svg(of_dot(DOT))
    ElementTree.fromstring(picture)  # noqa: S314 - written above
    boxes = re.findall(r'<rect x="(\d+)".*?font-weight="600" fill="#1f2733">([^<]*)<', picture)
    assert [name for _, name in sorted(boxes, key=lambda box: int(box[0]))] == ["a", "b&lt;&gt;", "c"]
    assert picture.count("<path") == 3
    assert "certifications, model_config" in picture


def test_no_line_crosses_a_box_that_it_passes() -> None:
    """A line that passes through a column has its own place there."""
    (passing,) = [way for way in re.findall(r'<path d="([^"]+)"', svg(of_dot(DOT))) if " L" in way]
    y = int(re.findall(r" L\d+,(\d+)", passing)[0])
    (x, top, height) = re.findall(r'<rect x="(390)" y="(\d+)" width="250" height="(\d+)"', svg(of_dot(DOT)))[0]
    assert x == "390"
    assert not int(top) <= y <= int(top) + int(height)


def test_the_order_of_lines_does_not_matter() -> None:
    """The same resources give the same picture."""
    head, *lines, tail = DOT.splitlines()
    assert svg(of_dot("\n".join([head, *reversed(lines), tail]))) == svg(of_dot(DOT))


def test_an_empty_stack_is_an_empty_picture() -> None:
    """A graph without resources is not an error."""
    assert "<path" not in svg(of_dot("strict digraph {\n}\n"))


def test_the_command_prints_the_picture(tmp_path: Path) -> None:
    """`python graph.py stack.dot` prints the picture."""
    (tmp_path / "stack.dot").write_text(DOT)
    run = subprocess.run(
        [sys.executable, str(HERE / "graph.py"), "stack.dot"],
        cwd=tmp_path,
        capture_output=True,
        text=True,
        check=True,
    )
    assert run.stdout == svg(of_dot(DOT))
