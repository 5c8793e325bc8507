"""What an item of the suite hands back: figures, each beside what it ought to be, and their table."""

from collections.abc import Sequence
from dataclasses import dataclass


@dataclass(frozen=True)
class Figure:
    """One line of the table.

    Attributes
    ----------
    item : str
        Of the suite.
    name : str
        What was counted or measured.
    found : str
        What came out.
    wanted : str
        What ought to; empty where the figure is only told.
    right : bool or None
        Whether it does; None where nothing is wanted.
    """

    item: str
    name: str
    found: str
    wanted: str = ""
    right: bool | None = None

    @property
    def verdict(self) -> str:
        """Say it in a word."""
        return "-" if self.right is None else "met" if self.right else "MISSED"


def told(item: str, name: str, found: object) -> Figure:
    """Give a figure of which nothing is wanted."""
    return Figure(item, name, _written(found))


def exactly(item: str, name: str, found: float, wanted: float = 0, of: int | None = None) -> Figure:
    """Give a count that must be this one."""
    out_of = "" if of is None else f" of {of:,}"
    return Figure(item, name, _written(found) + out_of, _written(wanted), found == wanted)


def at_most(item: str, name: str, found: float, wanted: float, unit: str = "") -> Figure:
    """Give a figure that must not be higher."""
    return Figure(item, name, _written(found) + unit, f"at most {_written(wanted)}{unit}", found <= wanted)


def at_least(item: str, name: str, found: float, wanted: float) -> Figure:
    """Give a figure that must not be lower."""
    return Figure(item, name, _written(found), f"at least {_written(wanted)}", found >= wanted)


def _written(value: object) -> str:
    if isinstance(value, float) and value != int(value):
        return f"{value:,.2f}"
    return f"{value:,.0f}" if isinstance(value, (int, float)) else str(value)


_HEAD = ("item", "figure", "found", "wanted", "verdict")


def _cells(figures: Sequence[Figure]) -> list[tuple[str, ...]]:
    return [(one.item, one.name, one.found, one.wanted, one.verdict) for one in figures]


def plain(figures: Sequence[Figure]) -> str:
    """Write the table for a terminal."""
    lines = [_HEAD, *_cells(figures)]
    widths = [max(map(len, column)) for column in zip(*lines, strict=True)]
    return "\n".join(
        "  ".join(cell.ljust(width) for cell, width in zip(line, widths, strict=True)).rstrip() for line in lines
    )


def markdown(figures: Sequence[Figure]) -> str:
    """Write the table for a page."""
    lines = [_HEAD, ("---", "---", "---:", "---:", "---"), *_cells(figures)]
    return "\n".join(f"| {' | '.join(line)} |" for line in lines)
