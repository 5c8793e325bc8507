"""The one way from a text or a table to HTML: everything that is shown goes through here, escaped."""

from base64 import b64encode

import pandas as pd

from cctrack.export._html import escaped, tabular
from cctrack.export._pictures import Picture

_STYLE = {
    "said": "color:var(--jp-ui-font-color2,#616161)",
    "wrong": "color:var(--jp-error-color1,#b00020);font-weight:600",
    "head": "font-weight:600",
}
# Numbers to the right, and a table that is wider than the page scrolls by itself: the box that it stands in would else
# grow with it.
_TABLE = (
    "<style>.cctrack-table td.number,.cctrack-table th.number{text-align:right}"
    ".cctrack-table td,.cctrack-table th{padding:3px 8px;line-height:1.3;text-align:left}"
    ".cctrack-table th[scope=row]{text-align:left;min-width:6em;max-width:28em;overflow-wrap:break-word}"
    ".cctrack-table caption{text-align:left;padding:4px 0}</style>"
)
_AS_WIDE_AS_THE_PAGE = "width:0;min-width:100%"


def said(words: str, kind: str = "said") -> str:
    """Give a line of text: "said", "wrong" or "head"; errors are read aloud at once."""
    role = "alert" if kind == "wrong" else "status"
    line = f"line-height:1.4;overflow-wrap:anywhere;{_AS_WIDE_AS_THE_PAGE}"
    return f'<div role="{role}" style="{_STYLE[kind]};{line}">{escaped(words)}</div>' if words else ""


def drawn(picture: Picture | None) -> str:
    """Give a picture with its words."""
    if picture is None:
        return ""
    data = b64encode(picture.png).decode("ascii")
    return (
        f'<div style="{_AS_WIDE_AS_THE_PAGE}"><img src="data:image/png;base64,{data}" alt="{escaped(picture.words)}" '
        f'style="max-width:100%;height:auto;width:{picture.width:d}px"></div>'
    )


def tabulated(title: str, table: pd.DataFrame) -> str:
    """Give the first rows of a table."""
    style = f"overflow-x:auto;{_AS_WIDE_AS_THE_PAGE}"
    return f'{_TABLE}<div class="cctrack-table" style="{style}">{tabular(title, table)}</div>'
