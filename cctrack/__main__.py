"""The command line: a first look at the demo account, and the demo account for other clients."""

import argparse
import os
import sys
import tempfile
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from cctrack import __version__
from cctrack.errors import CctrackError

if TYPE_CHECKING:
    import pandas as pd
    from matplotlib.axes import Axes

_USAGE_ERROR = 2
_INTERRUPTED = 130
_FOLDER, _NOTEBOOKS = Path("cctrack-demo"), Path("cctrack-notebooks")
_CONTACTS, _SEED = 2000, 0
_NEWEST, _LINKS = 8, 8
_NAME, _ADDRESS = 22, 44  # letters of a campaign's name and of a link, so that a line stays within 80


class _UsageError(Exception):
    """What was asked for cannot be done here."""


def main(argv: Sequence[str] | None = None) -> int:
    """Run a command and give the exit status.

    Parameters
    ----------
    argv
        The arguments; None takes those of the process.
    """
    _never_fail_to_print()
    parser = _parser()
    try:
        chosen = parser.parse_args(argv)
        if chosen.command == "demo":
            (_lab if chosen.lab else _demo)(chosen.contacts, chosen.seed, chosen.out)
        elif chosen.command == "serve":
            _serve(chosen.port, chosen.contacts, chosen.seed)
        else:
            parser.print_help()
        sys.stdout.flush()
    except (CctrackError, _UsageError) as error:
        print(f"cctrack: {' '.join(str(error).split())}", file=sys.stderr)
        return _USAGE_ERROR if isinstance(error, _UsageError) else 1
    except SystemExit as asked:  # argparse has said all there is to say
        return asked.code if isinstance(asked.code, int) else 0
    except KeyboardInterrupt:
        return _INTERRUPTED
    except BrokenPipeError:  # the reader, such as `head`, has seen enough
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
    return 0


def _never_fail_to_print() -> None:
    """Let letters that the terminal does not know come out as question marks."""
    for stream in (sys.stdout, sys.stderr):
        if (reconfigure := getattr(stream, "reconfigure", None)) is not None:
            reconfigure(errors="replace")


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="cctrack", description="Constant Contact's e-mail tracking reports as pandas frames."
    )
    parser.add_argument("--version", action="version", version=f"cctrack {__version__}")
    commands = parser.add_subparsers(dest="command", metavar="COMMAND")
    demo = commands.add_parser("demo", help="show reports of a made-up account; needs no credentials")
    demo.add_argument("--lab", action="store_true", help="open JupyterLab on a copy of the notebooks instead")
    demo.add_argument(
        "--out", type=Path, metavar="DIR", help=f"folder of the pictures (./{_FOLDER}) or copies (./{_NOTEBOOKS})"
    )
    serve = commands.add_parser("serve", help="run the made-up account on this machine, for any client")
    serve.add_argument("--port", type=_port, required=True, help="port of 127.0.0.1; 0 takes a free one")
    for command in (demo, serve):
        command.add_argument(
            "--contacts", type=_contacts, default=_CONTACTS, metavar="N", help=f"how many (default {_CONTACTS})"
        )
        command.add_argument(
            "--seed", type=_seed, default=_SEED, metavar="N", help="another account for another number"
        )
    return parser


def _port(given: str) -> int:
    return _whole(given, 0, 65_535)


def _contacts(given: str) -> int:
    return _whole(given, 1, 200_000)


def _seed(given: str) -> int:
    return _whole(given, 0, 2**32 - 1)


def _whole(given: str, least: int, most: int) -> int:
    if not given.isascii() or not given.isdecimal() or not least <= int(given) <= most:
        raise argparse.ArgumentTypeError(f"{given!r} is not a whole number from {least} to {most}")
    return int(given)


def _demo(contacts: int, seed: int, out: Path | None) -> None:
    from cctrack import analysis
    from cctrack.demo_account import start
    from cctrack.demo_account.account import NOW, generate
    from cctrack.reports import campaign_activities_df, campaigns_df, links_df

    folder = _folder(out)
    account = generate(contacts=contacts, seed=seed)
    contact, campaign = account.featured_contact, account.featured_campaign
    with start.demo(contacts=contacts, seed=seed):
        print("cctrack reads Constant Contact's e-mail tracking reports as pandas frames.")
        print(f"This is a made-up account of {_things(contacts, 'contact')}, as of {NOW:%Y-%m-%d %H:%M} UTC.\n")
        names = campaigns_df().set_index("campaign_id")["name"]
        _show_clicks(contact, names)
        activities, links = campaign_activities_df(campaign, progress=False), links_df(campaign)
        funnel = analysis.funnel(activities)
        popular = analysis.link_popularity(activities, links)
    _show_funnel(funnel, campaign, str(names.get(campaign, campaign)))
    _show_links(popular)
    print("Pictures:")
    for path in _pictures(funnel, popular, folder):
        print(f"  {path}")
    _show_next(contact)


def _show_clicks(contact: str, names: "pd.Series[str]") -> None:
    from cctrack.reports import clicks_df

    clicks = clicks_df(contact).sort_values("click_date", ascending=False, kind="stable")
    newest = clicks.head(_NEWEST)
    print(f'What did contact {contact} click?    cctrack.clicks_df("{contact}")\n')
    rows = [
        (
            f"{when:%Y-%m-%d %H:%M}",
            _shortened(str(names.get(campaign, campaign)), _NAME),
            _shortened(_page(uri), 78 - 16 - _NAME - 4),
        )
        for when, campaign, uri in newest[["click_date", "campaign_id", "link_uri"]].itertuples(index=False)
    ]
    _table(("when (UTC)", "campaign", "link, without parameters"), rows, "<<<")
    print(f"  the {len(newest)} newest of {_things(len(clicks), 'click')}\n")


def _show_funnel(funnel: "pd.DataFrame", campaign: str, name: str) -> None:
    print(f'How did "{_shortened(name, 44)}" do?    cctrack.analysis.funnel\n')
    columns = [
        "stage",
        "n",
        "n_human",
        "rate_of_delivered_human",
        "step_rate_human",
        "step_low_human",
        "step_high_human",
    ]
    rows = [
        (stage, f"{n:,}", f"{human:,}", _percent(of_delivered), _between(step, low, high))
        for stage, n, human, of_delivered, step, low, high in funnel[columns].itertuples(index=False)
    ]
    _table(("stage", "recorded", "people", "of delivered", "of the stage before"), rows, "<>>>>")
    aside = funnel.attrs["cctrack"]["set_aside"]
    print(f"  campaign {campaign}; people: without {_things(sum(aside.values()), 'event')} that look automatic")
    print("  (mail scanners), rates are of these; in brackets 95 % intervals\n")


def _show_links(popular: "pd.DataFrame") -> None:
    print("Which of its links?    cctrack.analysis.link_popularity\n")
    columns = ["clicks_total", "unique_clickers_human", "reach_human", "rank_low_human", "rank_high_human", "link_uri"]
    rows = [
        (f"{clicks:,}", f"{people:,}", _percent(reach), f"{low}-{high}", _shortened(_page(uri), _ADDRESS))
        for clicks, people, reach, low, high, uri in popular[columns].head(_LINKS).itertuples(index=False)
    ]
    _table(("clicks", "people", "reach", "rank", "link, without parameters"), rows, ">>>><")
    shown = f"{min(_LINKS, len(popular))} of {_things(len(popular), 'link')}"
    print(f"  {shown}; clicks: as recorded; people: without mail scanners;")
    print("  reach: of delivered; rank: between which places chance may move it\n")


def _show_next(contact: str) -> None:
    ask = f'cctrack.clicks_df("{contact}")'
    print(f"""
Next, in Python or a notebook:
  import cctrack
  cctrack.demo()                   # this account again
  {ask:<31}  # a pandas frame
Notebooks: cctrack demo --lab, or in the folder `notebooks` from
01_quickstart.ipynb on.
Your own account, in place of cctrack.demo(): cctrack.login("client id")
with an application of today; or, with a key of the v2 API, set
CCTRACK_API_KEY and CCTRACK_ACCESS_TOKEN, then cctrack.connect().""")


def _pictures(funnel: "pd.DataFrame", popular: "pd.DataFrame", folder: Path) -> list[Path]:
    from cctrack import plots

    rows = min(len(popular), 13)
    try:
        return [
            _picture(plots.funnel, funnel, folder / "funnel.png", 2.95),
            _picture(plots.link_popularity, popular, folder / "links.png", 1.25 + 0.42 * rows),
        ]
    except OSError as error:
        raise _UsageError(f"cannot write into {folder}: {error.strerror}; name another folder with --out") from None


def _folder(out: Path | None) -> Path:
    """Make the folder of the pictures: the one asked for, else one here, else a temporary one."""
    folder = out or _FOLDER
    try:
        folder.mkdir(parents=True, exist_ok=True)
        with tempfile.TemporaryFile(dir=folder):
            return folder
    except OSError as error:
        if out is not None:
            raise _UsageError(f"cannot write into {out}: {error.strerror}; name another folder with --out") from None
        return Path(tempfile.mkdtemp(prefix=f"{_FOLDER}-"))


def _picture(draw: "Callable[[pd.DataFrame, Axes], Axes]", table: "pd.DataFrame", path: Path, height: float) -> Path:
    from matplotlib.figure import Figure

    from cctrack.plots import alt_text

    figure = Figure(figsize=(7.2, height), layout="constrained")  # without pyplot: no window, no global state
    draw(table, figure.subplots())
    figure.savefig(path, dpi=200, metadata={"Description": alt_text(table)})
    return path


def _table(heads: Sequence[str], rows: Sequence[Sequence[str]], sides: str) -> None:
    """Print a table; `sides` has a < or > for each column."""
    widths = [max(map(len, column)) for column in zip(heads, *rows, strict=True)]
    for row in (heads, ["-" * width for width in widths], *rows):
        cells = (f"{cell:{side}{width}}" for cell, side, width in zip(row, sides, widths, strict=True))
        print(f"  {'  '.join(cells)}".rstrip())


def _percent(rate: float) -> str:
    return "-" if rate != rate else f"{rate:.1%}"


def _between(rate: float, low: float, high: float) -> str:
    return "-" if rate != rate else f"{rate:.1%} [{low:.1%}, {high:.1%}]"


def _things(number: int, what: str) -> str:
    return f"{number:,} {what}{'' if number == 1 else 's'}"


def _page(uri: object) -> str:
    """Give an address without what does not tell pages apart at a glance."""
    return str(uri).partition("?")[0].removeprefix("https://") if isinstance(uri, str) else "(address not known)"


def _shortened(words: str, letters: int) -> str:
    words = "".join(letter if letter.isprintable() else "?" for letter in words)
    if len(words) <= letters:
        return words
    head = (letters - 3) * 3 // 5
    return f"{words[:head]}...{words[len(words) - (letters - 3 - head) :]}"


def _served(url: str, contacts: int, contact: str, long_id: str) -> str:
    from cctrack.demo_account.start import ACCESS_TOKEN, API_KEY

    return f"""\
A made-up account of {_things(contacts, "contact")}, for any client on this machine:

  {url}

Its credentials guard nothing:

  export CCTRACK_API_KEY={API_KEY}
  export CCTRACK_ACCESS_TOKEN={ACCESS_TOKEN}

From Python, with these set (v2, then v3, where ids are long):

  cctrack.connect(base_url="{url}")
  cctrack.clicks_df("{contact}")

  cctrack.connect(api="v3", base_url="{url}")
  cctrack.clicks_df("{long_id}")

From a shell:

  curl -G -H "Authorization: Bearer $CCTRACK_ACCESS_TOKEN" \\
    -d "api_key=$CCTRACK_API_KEY" \\
    {url}/v2/contacts/{contact}/tracking/clicks

  curl -H "Authorization: Bearer $CCTRACK_ACCESS_TOKEN" \\
    {url}/v3/contacts/{long_id}

Ctrl-C ends it."""


def _lab(contacts: int, seed: int, out: Path | None) -> None:
    from cctrack import lab

    if (contacts, seed) != (_CONTACTS, _SEED):
        raise _UsageError("with --lab, the notebooks choose their account: cctrack.demo(contacts=..., seed=...)")
    try:
        lab.require()
        copies = lab.copies(out or _NOTEBOOKS)
        print(f"The notebooks are in {copies.folder}: copies, so change them as you like.")
        if copies.kept:
            print(f"Yours were kept: {', '.join(copies.kept)}. For new copies: --out ANOTHER-FOLDER")
        print("JupyterLab opens in your browser; if it does not, open its address, below. Ctrl-C ends it.", flush=True)
        lab.run(copies.folder)
    except lab.LabError as error:
        raise _UsageError(str(error)) from None


def _serve(port: int, contacts: int, seed: int) -> None:
    from cctrack.demo_account.account import generate
    from cctrack.demo_account.server import DemoServer
    from cctrack.demo_account.start import ACCESS_TOKEN, API_KEY

    account = generate(contacts=contacts, seed=seed)
    try:
        server = DemoServer(account, port=port, api_key=API_KEY, access_token=ACCESS_TOKEN)
    except OSError as error:
        raise _UsageError(
            f"cannot serve on port {port} of 127.0.0.1: {error.strerror}; name another one, or --port 0 for a free one"
        ) from None
    try:
        contact = account.featured_contact
        print(_served(server.url, contacts, contact, account.uuid("contact", contact)), flush=True)
        server.serve_forever()
    except KeyboardInterrupt:
        print("\nended")


if __name__ == "__main__":
    raise SystemExit(main())
