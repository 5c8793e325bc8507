"""One page for people who will not open a notebook: pictures, tables and what they mean, in one file."""

import os
from base64 import b64encode
from collections.abc import Collection
from html import escape
from pathlib import Path
from typing import Any

import pandas as pd

from cctrack.export._columns import Kind, is_share, kind_of
from cctrack.export._files import replacing, target
from cctrack.export._pictures import picture
from cctrack.export._redaction import Redact, Redaction
from cctrack.export._style import STYLE
from cctrack.export._tables import Table, Tables, gathered
from cctrack.export._texts import shortened, visible

_ROWS = 50
_LETTERS = 200  # of a cell
_TITLE = "E-mail tracking report"
_NONE = "\N{EN DASH}"
# Nothing is loaded and nothing runs, whatever somebody wrote into a name.
_POLICY = "default-src 'none'; img-src data:; style-src 'unsafe-inline'"


def to_html(tables: Tables, path: str | os.PathLike[str], *, redact: Redact | None = "hash") -> Path:
    """Write tables as one page that needs nothing else: each with its picture and its definitions.

    Parameters
    ----------
    tables
        A frame, several by name, or several in a list; those are headed by the title of their analysis.
    path
        The file; one that is there is replaced when the new one is complete.
    redact
        "hash" puts a mark in the place of e-mail addresses wherever they stand, in links too, and in the place of
        first and last names: the same for the same one within this page, and not to be guessed, since the key is
        random and forgotten. "domain" keeps what follows the @, and leaves names empty. None writes both as they are.

    Returns
    -------
    pathlib.Path
        The file: no scripts, nothing from the network, for screens light and dark and for paper.

    Raises
    ------
    TypeError, ValueError
        For tables that cannot be written, or a bad argument, before anything is written.
    OSError
        When the file cannot be written; no half file is left.

    Notes
    -----
    The first 50 rows of a table are shown, and how many more there are; columns without any value are only named, and
    long texts shortened in the middle. Times are UTC. A result of an analysis has the picture that `cctrack.plots`
    draws of it, unless that takes no such table, or redaction has made groups alike.
    """
    redaction = Redaction(redact)
    where = target(path)
    found = gathered(tables, redaction)
    body = "".join(_section(number, table) for number, table in enumerate(found, 1))
    told = "".join(f"<p>{escaped(sentence)}</p>" for sentence in redaction.told)
    page = (
        f'<!DOCTYPE html>\n<html lang="en">\n<head>\n<meta charset="utf-8">\n'
        f'<meta http-equiv="Content-Security-Policy" content="{escape(_POLICY)}">\n'
        '<meta name="viewport" content="width=device-width, initial-scale=1">\n'
        f"<title>{escaped(found[0].title if len(found) == 1 else _TITLE)}</title>\n<style>{STYLE}</style>\n</head>\n"
        f"<body>\n<main>\n<h1>{_TITLE}</h1>\n{body}</main>\n<footer>{told}<p>Times are UTC.</p></footer>\n"
        "</body>\n</html>\n"
    )
    with replacing(where) as scratch:
        scratch.write_text(page, encoding="utf-8", newline="\n")
    return where


def escaped(text: str) -> str:
    """Escape a text: the one way from a value to the page."""
    return escape(visible(text))


def _section(number: int, table: Table) -> str:
    empty = [name for name in table.frame.columns if table.frame[name].isna().all()]
    empty = empty if len(table.frame) and len(empty) < len(table.frame.columns) else []
    more = len(table.frame) - _ROWS
    rest = f'<p class="more">and {more:,} more row{"" if more == 1 else "s"}</p>\n' if more > 0 else ""
    if empty:
        rest += f'<p class="more">Columns without any value: {escaped(", ".join(empty))}</p>\n'
    grid = tabular(table.title, table.frame.drop(columns=empty))
    return (
        f'<section aria-labelledby="t{number}">\n<h2 id="t{number}">{escaped(table.title)}</h2>\n{_figure(table)}'
        f'<div class="scroll" role="region" tabindex="0" aria-labelledby="t{number}">\n{grid}</div>\n'
        f"{rest}{_definitions(table)}</section>\n"
    )


def _figure(table: Table) -> str:
    drawn = None if table.merged else picture(table.frame)
    if drawn is None:
        return ""
    data = b64encode(drawn.png).decode()
    return (
        f'<figure><img src="data:image/png;base64,{data}" alt="{escaped(drawn.words)}" '
        f'width="{drawn.width}" height="{drawn.height}"></figure>\n'
    )


def tabular(title: str, frame: pd.DataFrame) -> str:
    """Give the first rows of a table, in words for people and escaped."""
    names = list(map(str, frame.columns))
    kinds = [kind_of(frame[name]) for name in names]
    shares = [is_share(name, names) for name in names]
    heads = "".join(_head(name, kind) for name, kind in zip(names, kinds, strict=True))
    columns = [
        [_words(value, kind, share) for value in frame[name].head(_ROWS).tolist()]
        for name, kind, share in zip(names, kinds, shares, strict=True)
    ]
    rows = "".join(
        f"<tr>{''.join(_cell(at, kinds[at], words) for at, words in enumerate(row))}</tr>\n"
        for row in zip(*columns, strict=True)
    )
    size = len(frame)
    shown = f"the first {_ROWS} of {size:,} rows" if size > _ROWS else f"{size:,} row{'' if size == 1 else 's'}"
    return (
        f"<table>\n<caption>{escaped(title)}: {shown}</caption>\n<thead><tr>{heads}</tr></thead>\n"
        f"<tbody>\n{rows}</tbody>\n</table>\n"
    )


def _head(name: str, kind: Kind) -> str:
    words = f"{name} (UTC)" if kind == "date" else name
    return f'<th scope="col"{_of_numbers(kind)}>{escaped(words)}</th>'


def _cell(at: int, kind: Kind, words: str) -> str:
    if at == 0 and kind == "text":
        return f'<th scope="row">{escaped(words)}</th>'
    return f"<td{_of_numbers(kind)}>{escaped(words)}</td>"


def _of_numbers(kind: Kind) -> str:
    return ' class="number"' if kind in ("whole", "real", "span") else ""


def _words(value: Any, kind: Kind, share: bool) -> str:
    """Write a value for people."""
    if pd.isna(value):
        return _NONE
    if kind == "whole":
        return f"{value:,}"
    if kind == "real":
        return f"{value:.1%}" if share else f"{value:,.0f}" if abs(value) >= 1000 else f"{value:.4g}"
    if kind in ("date", "naive"):
        moment = value.tz_convert("UTC").tz_localize(None) if kind == "date" else value
        return str(moment.floor("s")).removesuffix(" 00:00:00") if kind == "naive" else str(moment.floor("s"))
    if kind == "span":
        return f"{value.total_seconds() / 3600:,.2f} h"
    if kind == "flag":
        return "yes" if value else "no"
    return shortened(str(value), _LETTERS)


def _definitions(table: Table) -> str:
    said = "".join(
        f"{f'<h3>{escaped(heading)}</h3>' if heading else ''}{_listed(sentences, table.frame.columns)}\n"
        for heading, sentences in table.parts
    )
    return f"<details>\n<summary>Definitions: {escaped(table.title)}</summary>\n{said}</details>\n"


def _listed(sentences: list[str], names: Collection[str]) -> str:
    """Give sentences as a list, with the name of a column that one begins with as code."""
    items = []
    for sentence in sentences:
        name, colon, rest = sentence.partition(": ")
        items.append(f"<code>{escaped(name)}</code>: {escaped(rest)}" if colon and name in names else escaped(sentence))
    return f"<p>{items[0]}</p>" if len(items) == 1 else f"<ul>{''.join(f'<li>{one}</li>' for one in items)}</ul>"
