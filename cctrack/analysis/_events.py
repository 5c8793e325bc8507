"""Activities from any engine, behind the few questions that the analyses ask of them.

Written once, through narwhals: the engine filters and counts, and the small table comes over as pandas. Conditions
stand in `with_columns` or `filter`, never within `agg`: there narwhals drops them on pandas and PyArrow and gives a
wrong number without an error (`tests/test_engines.py` shows it).
"""

from collections.abc import Iterable, Mapping, Sequence
from functools import cached_property
from typing import Any, Final, cast

import pandas as pd

from cctrack.analysis._engines import GIVES, brought, kind_of, prepared, refused, taken
from cctrack.analysis._patterns import BITS, BOUNCE, BOUNCES, KINDS, OWNER, PATTERN, UNSUBSCRIBE, N
from cctrack.analysis._tables import complain_of_missing, complain_of_type
from cctrack.errors import EngineError

# Rows that may come over where order or time differences count: about 2 GB as text, 0.3 GB as categories.
ROW_LIMIT: Final = 5_000_000
RECIPIENT: Final = ("campaign_id", "contact_id")
IDENTITY: Final = (  # what rows that repeat another have in common
    "activity_type", "activity_date", *RECIPIENT, "link_id", "link_uri", "bounce_code",
)  # fmt: skip
_NONE: Final[Mapping[str, str]] = {}
_LEAVE_OUT = "leave that part out (machine='include', semantics='closed')"


class Events:
    """Activities on an engine.

    Attributes
    ----------
    engine : str
        Its name.
    columns : list of str
        What the table has.
    source : dict
        Provenance, where the table carries one.
    """

    def __init__(self, frame: Any, engine: str, source: Mapping[str, Any]) -> None:
        self.engine = engine
        self.source = dict(source)
        self._frame = frame
        self._schema = frame.collect_schema()
        self.columns: list[str] = list(self._schema)

    def require(self, columns: Iterable[str]) -> None:
        """Raise ValueError when a column is missing or holds something else than its name promises."""
        wanted = list(columns)
        complain_of_missing([name for name in wanted if name not in self.columns], "activities", GIVES)
        for name in wanted:
            complain_of_type(name, self._holds(name), "activities", self.engine)

    def patterns(self, keys: Sequence[str]) -> pd.DataFrame:
        """Count recipients by pattern: columns `keys`, `_pattern` and `_n`, one row each that there are.

        A recipient is told by `keys`, campaign and contact together. Events without campaign or contact id belong
        to none and are left out.
        """
        import narwhals as nw

        having, number = self._having(list(dict.fromkeys((*keys, *RECIPIENT))))
        counted = having.select(*(nw.col(name) for name in keys), number.alias(PATTERN))
        table = self._over(counted.group_by(*keys, PATTERN).agg(nw.len().alias(N)), "the groups")
        return table[table[PATTERN] > 0].reset_index(drop=True)

    def recipients(self, keys: Sequence[str], kind: str, *, why: str, instead: str) -> pd.DataFrame:
        """Bring over the recipients: `keys`, campaign and contact, `_pattern`, and the first dates `sent` and `first`.

        Parameters
        ----------
        keys
            What tells them beside campaign and contact.
        kind
            Of the event whose first date is in `first`; that of the send is in `sent`.
        why, instead
            For the message when there are too many: what needs them, and what to do instead.
        """
        import narwhals as nw

        own = list(dict.fromkeys((*keys, *RECIPIENT)))
        dates = {"sent": "EMAIL_SEND", "first": kind}
        having, number = self._having(own, dates)
        found = having.select(*(nw.col(name) for name in (*own, *dates)), number.alias(PATTERN))
        return self._rows(found.filter(nw.col(PATTERN) > 0), why, instead)

    def each_pattern(self, *, why: str, instead: str) -> pd.DataFrame:
        """Bring over the recipients one by one: campaign and contact, `_pattern`, and `_n`, which is 1.

        Parameters
        ----------
        why, instead
            For the message when there are too many: what needs them, and what to do instead.
        """
        import narwhals as nw

        having, number = self._having(RECIPIENT)
        found = having.select(*(nw.col(name) for name in RECIPIENT), number.alias(PATTERN))
        return self._rows(found.filter(nw.col(PATTERN) > 0), why, instead).assign(**{N: 1})

    def totals(self, keys: Sequence[str]) -> pd.DataFrame:
        """Count rows by `keys` and `activity_type`; the count is in `_n`."""
        import narwhals as nw

        return self._over(self._frame.group_by(*keys, "activity_type").agg(nw.len().alias(N)), "the groups")

    def distinct(self, keys: Sequence[str], columns: Sequence[str], kinds: Iterable[str] | None = None) -> pd.DataFrame:
        """Count by `keys` the different combinations of `keys` and `columns` among the rows of some kinds."""
        import narwhals as nw

        own = list(dict.fromkeys((*keys, *columns)))
        rows = self._of(kinds).select(*(nw.col(name) for name in own)).unique()
        if not keys:
            return self._over(rows.select(nw.len().alias(N)), "the count")
        return self._over(rows.group_by(*keys).agg(nw.len().alias(N)), "the groups")

    def first_sends(self) -> "pd.Series[Any]":
        """Give each campaign's first send, or its first event where it has none, indexed by campaign id."""
        return self._first_sends

    @cached_property
    def _first_sends(self) -> "pd.Series[Any]":
        import narwhals as nw

        first = nw.col("activity_date").min().alias("first")
        parts = [
            self._over(rows.group_by("campaign_id").agg(first), "the campaigns")
            for rows in (self._of(["EMAIL_SEND"]), self._frame)
        ]
        found = pd.concat(parts).dropna(subset=["campaign_id", "first"]).drop_duplicates("campaign_id")
        return found.set_index("campaign_id")["first"]

    def first_events(self, *, why: str, instead: str) -> pd.DataFrame:
        """Bring over the first event of each kind but sends of each recipient: `activity_type campaign_id first sent`.

        Parameters
        ----------
        why, instead
            For the message when there are too many: what needs them, and what to do instead.

        Returns
        -------
        pandas.DataFrame
            `sent` is the recipient's first send, NaT without one.
        """
        import narwhals as nw

        kind, date = nw.col("activity_type"), nw.col("activity_date")
        dated = self._frame.filter(~date.is_null(), ~kind.is_null(), *(~nw.col(name).is_null() for name in RECIPIENT))
        sends = dated.filter(kind == "EMAIL_SEND").group_by(*RECIPIENT).agg(date.min().alias("sent"))
        others = dated.filter(kind != "EMAIL_SEND").group_by(*RECIPIENT, "activity_type").agg(date.min().alias("first"))
        both = others.join(sends, on=list(RECIPIENT), how="left")
        return self._rows(both.select("activity_type", "campaign_id", "first", "sent"), why, instead)

    def of_campaigns(self, campaigns: Iterable[str]) -> "Events":
        """Give the events of some campaigns."""
        import narwhals as nw

        chosen = list(campaigns)
        if not chosen:  # PyArrow does not look for texts in a list of nothing
            return self._with(self._frame.head(0))
        return self._with(self._frame.filter(nw.col("campaign_id").is_in(chosen)))

    def newest(self) -> pd.Timestamp:
        """Give the date of the newest event, NaT where there is none."""
        import narwhals as nw

        table = self._over(self._frame.select(nw.col("activity_date").max()), "the newest date")
        return cast(pd.Timestamp, table["activity_date"].iloc[0]) if len(table) else cast(pd.Timestamp, pd.NaT)

    def until(self, as_of: pd.Timestamp) -> "Events":
        """Give the events up to a point in time; those without a date stay."""
        import narwhals as nw

        date = nw.col("activity_date")
        return self._with(self._frame.filter((date <= nw.lit(as_of.to_pydatetime())) | date.is_null()))

    def links_clicked(self, keys: Sequence[str]) -> pd.DataFrame:
        """Count by `keys` the different pairs of recipient and link among the clicks.

        Where a click has no link id its address tells the link; clicks with neither are on one.
        """
        import narwhals as nw

        clicks = self._of(["EMAIL_CLICK"])
        told = self._own(["link_id", "link_uri"])
        if len(told) < 2:
            return self._with(clicks).distinct(keys, [*RECIPIENT, *told])
        unknown = nw.col("link_id").is_null()
        parts = [
            self._with(rows).distinct(keys, [*RECIPIENT, name])
            for rows, name in ((clicks.filter(~unknown), "link_id"), (clicks.filter(unknown), "link_uri"))
        ]
        return pd.concat(parts, ignore_index=True)

    def of_recipients(self) -> "Events":
        """Give the events that have a campaign and a contact."""
        import narwhals as nw

        return self._with(self._frame.filter(*(~nw.col(name).is_null() for name in RECIPIENT)))

    def with_campaigns_as(self, column: str, values: "pd.Series[Any]") -> "Events":
        """Give the events with a further column, the text that belongs to the campaign.

        Parameters
        ----------
        column
            Its name.
        values
            The texts, indexed by campaign id; NA for campaigns that are not in it.
        """
        import narwhals as nw

        found: Any = nw.lit(None, dtype=nw.String)
        for value, campaigns in values.groupby(values).groups.items():
            chosen = nw.col("campaign_id").is_in([str(one) for one in campaigns])
            found = nw.when(chosen).then(nw.lit(str(value))).otherwise(found)
        return self._with(self._frame.with_columns(found.alias(column)))

    def of_contacts(self, contacts: Iterable[str]) -> "Events":
        """Give the events of some contacts."""
        import narwhals as nw

        chosen = list(contacts)
        if not chosen:  # PyArrow does not look for texts in a list of nothing
            return self._with(self._frame.head(0))
        return self._with(self._frame.filter(nw.col("contact_id").is_in(chosen)))

    def fetched(
        self, columns: Iterable[str], kinds: Iterable[str] | None = None, *, why: str, instead: str = _LEAVE_OUT
    ) -> pd.DataFrame:
        """Bring rows over: those of some kinds, or all.

        Parameters
        ----------
        columns, kinds
            Which ones; None takes all kinds.
        why, instead
            For the message: what needs them, and what to do instead.

        Raises
        ------
        EngineError
            When there are more than `ROW_LIMIT`.
        """
        import narwhals as nw

        rows = self._of(kinds).select(*(nw.col(name) for name in self._own(columns)))
        return self._rows(rows, why, instead)

    def of_clickers(self, columns: Iterable[str], *, why: str, links: Iterable[str] = ()) -> pd.DataFrame:
        """Bring over all rows of the recipients that have a click, or an event marked in a column `machine`.

        Parameters
        ----------
        columns
            Which ones.
        why
            For the message when there are too many: what needs them.
        links
            Link ids: the rows of all recipients that share their contact with a click on one come too.
        """
        import narwhals as nw

        wanted = list(dict.fromkeys((*self._own(columns), *RECIPIENT)))
        told = nw.col("activity_type") == "EMAIL_CLICK"
        if "machine" in self.columns:
            told = told | nw.col("machine").fill_null(False)
        known = self._frame.filter(*(~nw.col(name).is_null() for name in RECIPIENT))
        own = [nw.col(name) for name in RECIPIENT]
        clickers = known.filter(told).select(*own).unique()
        if ids := list(links):
            clicked = nw.col("activity_type") == "EMAIL_CLICK"
            caught = known.filter(clicked & nw.col("link_id").is_in(ids)).select("contact_id").unique()
            theirs = known.select(*own).unique().join(caught, on="contact_id", how="inner").select(*own)
            clickers = nw.concat([clickers, theirs]).unique()
        rows = known.select(*(nw.col(name) for name in wanted)).join(clickers, on=list(RECIPIENT), how="inner")
        return self._rows(rows, why)

    def _having(self, own: Sequence[str], dates: Mapping[str, str] = _NONE) -> tuple[Any, Any]:
        """Group by recipient, with the first dates of some kinds; and give the expression of the pattern."""
        import narwhals as nw

        flags = [f"_has_{bit}" for bit in BITS]
        kind, code = nw.col("activity_type"), nw.col("bounce_code")
        bounce = kind == BOUNCE
        grouped = {name: code.is_in(codes).fill_null(False) for name, codes in BOUNCES.items()}
        known = code.is_in([one for codes in BOUNCES.values() for one in codes]).fill_null(False)
        held = {
            **{name: kind == event for event, name in KINDS.items()},
            **{name: bounce & chosen for name, chosen in grouped.items()},
            "other_bounced": bounce & ~known,
            "removed": (kind == UNSUBSCRIBE) & self._by_owner(),
        }
        held["unsubscribe"] = held["unsubscribe"] & ~held["removed"]
        marked = self._frame.select(
            *(nw.col(name) for name in own),
            *(held[bit].fill_null(False).cast(nw.Int32).alias(flag) for bit, flag in zip(BITS, flags, strict=True)),
            *(nw.when(kind == event).then(nw.col("activity_date")).alias(name) for name, event in dates.items()),
        ).filter(*(~nw.col(name).is_null() for name in RECIPIENT))
        having = marked.group_by(*own).agg(
            *(nw.col(flag).max() for flag in flags), *(nw.col(name).min() for name in dates)
        )
        number = nw.sum_horizontal(*(nw.col(flag) * (1 << place) for place, flag in enumerate(flags)))
        return having, number

    def _by_owner(self) -> Any:
        """Tell unsubscriptions by the sender's own hand, where the table says who did it."""
        import narwhals as nw

        source = "unsubscribe_source"
        if source not in self.columns or kind_of(self._schema[source]) != "text":
            return nw.lit(False)
        return (nw.col(source) == OWNER).fill_null(False)

    def _with(self, frame: Any) -> "Events":
        return Events(frame, self.engine, self.source)

    def _holds(self, name: str) -> str:
        return kind_of(self._schema[name])

    def _own(self, columns: Iterable[str]) -> list[str]:
        return [name for name in dict.fromkeys(columns) if name in self.columns]

    def _of(self, kinds: Iterable[str] | None) -> Any:
        import narwhals as nw

        return self._frame if kinds is None else self._frame.filter(nw.col("activity_type").is_in(list(kinds)))

    def _rows(self, rows: Any, why: str, instead: str = _LEAVE_OUT) -> pd.DataFrame:
        table = self._over(rows.head(ROW_LIMIT + 1), "the rows")
        if len(table) > ROW_LIMIT:
            raise EngineError(
                f"{self.engine}: {why} needs more than the {ROW_LIMIT:,} rows in order that come over at once; "
                f"take fewer campaigns or contacts, or {instead}"
            )
        return table

    def _over(self, frame: Any, what: str) -> pd.DataFrame:
        return brought(frame, self.engine, what)


def opened(activities: object, columns: Iterable[str]) -> Events:
    """Take a table of activities from any engine, and check the columns that an analysis needs.

    Raises
    ------
    TypeError
        When it is no table that narwhals knows.
    ValueError
        When a column is missing or holds something else than its name promises.
    EngineError
        When the engine cannot tell the columns, for want of a file for instance.
    """
    wanted = list(dict.fromkeys(columns))
    if isinstance(activities, pd.DataFrame):
        from cctrack.analysis._dense import PandasEvents

        return PandasEvents.opened(activities, wanted)
    frame, engine = taken(activities)
    try:
        events = Events(prepared(frame, engine).lazy(), engine, {})
    except Exception as error:
        raise refused(engine, "the columns", error) from error
    events.require(wanted)
    return events
