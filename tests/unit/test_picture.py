"""Pictures of what a terminal shows."""

from __future__ import annotations

import xml.etree.ElementTree as ElementTree

from rich.console import Group
from rich.text import Text

from layerproof.report.picture import MAX_WIDTH, render_picture

SVG = "{http://www.w3.org/2000/svg}"
SHOWN = Group(Text("✓ 0.4 s", "green"), Text("✗ 16 s & <more> {braces}", "bold red"), Text("of 10 s", "dim"))


def parsed(picture: str) -> ElementTree.Element:
    return ElementTree.fromstring(picture)  # noqa: S314 - our own text


def texts(picture: str) -> list[str]:
    return ["".join(item.itertext()).replace("\xa0", " ") for item in parsed(picture).iter(f"{SVG}text")]


def test_it_shows_the_command_and_each_line() -> None:
    found = texts(render_picture(SHOWN, title="t", command="layerproof prove"))
    assert found == ["$ layerproof prove", "✓ 0.4 s", "✗ 16 s & <more> {braces}", "of 10 s"]


def test_a_screen_reader_has_the_title() -> None:
    assert parsed(render_picture(SHOWN, title="3 < {4} & 5")).findtext(f"{SVG}title") == "3 < {4} & 5"


def test_it_loads_nothing() -> None:
    picture = render_picture(SHOWN, title="t").replace("http://www.w3.org/2000/svg", "")
    assert "http" not in picture
    assert "url(" not in picture


def test_it_has_colours_for_dark_and_for_light() -> None:
    light, dark = render_picture(SHOWN, title="t").split("prefers-color-scheme: dark")
    assert "#116329" in light
    assert "#56d364" in dark


def test_a_long_line_is_wrapped_and_a_short_one_makes_it_narrow() -> None:
    wide = parsed(render_picture(Text("word " * 100), title="t")).attrib["viewBox"].split()
    narrow = parsed(render_picture(Text("word"), title="t")).attrib["viewBox"].split()
    assert int(narrow[2]) < int(wide[2]) < MAX_WIDTH * 13
    assert int(narrow[3]) < int(wide[3])
