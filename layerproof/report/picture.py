"""What a terminal shows as an SVG, for a README or a summary: it follows the reader's light or dark colours."""

from __future__ import annotations

import io
import re

from markupsafe import escape
from rich.console import Console, Group, RenderableType
from rich.terminal_theme import TerminalTheme
from rich.text import Text

MIN_WIDTH, MAX_WIDTH = 40, 120
# Background, foreground, and the eight colours in ANSI's order; contrast of at least 4.5 on the background.
_LIGHT = ("#ffffff", "#1f2328", "#24292f", "#c4232e", "#116329", "#7a5200", "#0757b8", "#7336c4", "#0f6674", "#57606a")
_DARK = ("#0d1117", "#e6edf3", "#8b949e", "#ff7b72", "#56d364", "#e3b341", "#79c0ff", "#d2a8ff", "#76e3ea", "#b1bac4")
_FONT = "ui-monospace, SFMono-Regular, Menlo, Consolas, 'DejaVu Sans Mono', 'Liberation Mono', monospace"
# Of one character, in pixels, as Rich lays them out with this aspect.
_ASPECT, _CHARACTER_WIDTH, _LINE_HEIGHT = 0.6, 12, 24.4
_PADDING = 20
# Rich fills in what is in single braces.
_PAGE = """\
<svg xmlns="http://www.w3.org/2000/svg" role="img" aria-labelledby="{unique_id}-title"
     viewBox="0 0 %(width)d %(height)d">
<title id="{unique_id}-title">%(title)s</title>
<style>
text {{ font-family: %(font)s; font-size: {char_height}px; white-space: pre; }}
.page {{ fill: %(light)s; stroke: #8b949e; stroke-width: 2; stroke-opacity: .5; }}
{styles}
@media (prefers-color-scheme: dark) {{
.page {{ fill: %(dark)s; }}
%(dark_styles)s
}}
</style>
<rect class="page" width="100%%" height="100%%" rx="8"/>
<g transform="translate(%(padding)d, %(padding)d)">
{backgrounds}{matrix}
</g>
</svg>
"""


def render_picture(renderable: RenderableType, *, title: str, command: str = "") -> str:
    """
    Draw what `renderable` prints, and above it the command that printed it.

    Args:
        title: what a screen reader says.
        command: shown after a `$`; no such line where it is empty.

    Returns:
        An SVG document that loads nothing.
    """
    shown = Group(Text(f"$ {command}\n", style="bold"), renderable) if command else renderable
    columns = min(MAX_WIDTH, max(MIN_WIDTH, *map(len, _lines(shown, MAX_WIDTH))))
    facts = {
        "width": columns * _CHARACTER_WIDTH + 2 * _PADDING,
        "height": round(len(_lines(shown, columns)) * _LINE_HEIGHT) + 2 * _PADDING,
        "padding": _PADDING,
        "title": _braced(str(escape(title))),
        "font": _FONT,
        "light": _LIGHT[0],
        "dark": _DARK[0],
        "dark_styles": _braced(_export(shown, columns, colours=_DARK, page="{styles}")),
    }
    picture = _export(shown, columns, colours=_LIGHT, page=_PAGE % facts)
    # Every text has its own length, so that there is nothing to clip; ends of lines are texts of their own.
    return re.sub(r' clip-path="[^"]*"|<text [^>]*>\n</text>', "", picture).replace("</text>", "</text>\n")


def _export(shown: RenderableType, columns: int, *, colours: tuple[str, ...], page: str) -> str:
    console = _printed(shown, columns)
    background, foreground, *ansi = (_rgb(colour) for colour in colours)
    theme = TerminalTheme(background, foreground, ansi)
    return console.export_svg(title="", theme=theme, code_format=page, font_aspect_ratio=_ASPECT, unique_id="terminal")


def _lines(shown: RenderableType, columns: int) -> list[str]:
    return [line.rstrip() for line in _printed(shown, columns).export_text().splitlines()]


def _printed(shown: RenderableType, columns: int) -> Console:
    console = Console(record=True, width=columns, file=io.StringIO(), force_terminal=True, color_system="standard")
    console.print(shown)
    return console


def _rgb(colour: str) -> tuple[int, int, int]:
    red, green, blue = (int(colour[at : at + 2], 16) for at in (1, 3, 5))
    return red, green, blue


def _braced(text: str) -> str:
    """Braces that Rich leaves as they are."""
    return text.replace("{", "{{").replace("}", "}}")
