"""Picking a range of days."""

from datetime import date
from typing import Any, ClassVar

import pandas as pd
import traitlets
from ipywidgets import DatePicker

from cctrack.connecting import is_default
from cctrack.inputs import instant
from cctrack.pickers._html import said
from cctrack.pickers._mailings import LISTED, with_details
from cctrack.pickers._picker import Picker
from cctrack.pickers._quoting import quoted
from cctrack.pickers._supply import Source, Supply
from cctrack.pickers._widget import NAMES


class DateRangePicker(Picker):
    """Pick the first and the last day; `.value` is the pair of them.

    Parameters
    ----------
    source
        A frame with dates, such as any report: its first and last day are what is picked in the beginning; or a
        callable that gives one. None begins with the day of the first campaign, without a last day, where the send
        dates cost no calls; else with both sides open.
    session
        Which session is asked; None takes the current one.

    Attributes
    ----------
    value : tuple of (datetime.date or None, datetime.date or None)
        The first and the last day, both of them included, in UTC; None where that side is open.
    disabled : bool
        Whether it can be acted on.
    code : str
        The cell that gives the activities of these days without a widget; of a frame, its rows of these days.

    Raises
    ------
    TypeError, ValueError
        For a source that is no frame, or has no dates.

    Notes
    -----
    Days in the wrong order are refused within the widget, and `.value` stays as it was.
    """

    value = traitlets.Tuple(traitlets.Any(), traitlets.Any(), default_value=(None, None))
    _noun: ClassVar[str] = "date"

    def __init__(self, source: Source = None, *, session: Any = None) -> None:
        if isinstance(source, pd.DataFrame):
            _dates(source)
        self._first = DatePicker(description="From", style=NAMES)
        self._last = DatePicker(description="To (included)", style=NAMES)
        self._drawing = False
        self._session = session
        self._column = ""
        super().__init__(Supply(source, LISTED, [], session), [self._first, self._last])
        for one in (self._first, self._last):
            one.observe(self._picked, "value")
        self.observe(lambda _: self._draw(), "value")
        self._begin()

    @property
    def code(self) -> str:
        """The cell that gives the activities of these days without a widget; of a frame, its rows of these days."""
        first, last = self.value
        begin = f'>= pd.Timestamp("{first}", tz="UTC")' if first else ""
        end = f'< pd.Timestamp("{last}", tz="UTC") + pd.Timedelta(days=1)' if last else ""
        if not self._supply.is_report:
            dates = f"pd.to_datetime(table[{quoted(self._column)}], utc=True)"
            cuts = [f"table = table[{dates} {limit}]" for limit in (begin, end) if limit and self._column]
            return "\n".join(["import pandas as pd", "", "# table is the frame that the picker was given", *cuts])
        own = not is_default(self._session)
        given = ", ".join([f'created_since="{first}"'] * bool(first) + ["session=session"] * own)
        lines = ["import cctrack", "", f"activities = cctrack.account_activities_df({given})"]
        if own:
            lines.insert(2, "# session is the one that the picker was given")
        if last:
            lines[:1] = ["import pandas as pd", "", "import cctrack"]
            lines.append(f'activities = activities[activities["activity_date"] {end}]')
        return "\n".join(lines)

    def _frame(self) -> pd.DataFrame:
        if not self._supply.is_report:
            return super()._frame()
        campaigns = with_details(self._supply.session())
        # The list alone tells when campaigns were changed: later than they were sent.
        return pd.DataFrame() if campaigns is None else campaigns[["last_run_date"]]

    def _take(self, rows: pd.DataFrame) -> bool:
        dates = _dates(rows)
        named = [
            name for name in rows.columns if isinstance(name, str) and pd.api.types.is_datetime64_any_dtype(rows[name])
        ]
        self._column = next(iter(sorted(named, key=lambda name: name != "activity_date")), "")
        if dates is not None and self.value == (None, None):
            # What the newest campaign leads to comes after its own date.
            self.value = (dates[0], None) if self._supply.is_report else dates
        return dates is not None or self._supply.is_report

    @traitlets.validate("value")
    def _in_order(self, proposal: Any) -> Any:
        first, last = (_day(one) for one in proposal["value"])
        if first and last and first > last:
            raise traitlets.TraitError(f"the range begins on {first}, after its last day {last}")
        return first, last

    def _draw(self) -> None:
        self._drawing = True
        try:
            self._first.value, self._last.value = self.value
        finally:
            self._drawing = False
        if self.state in ("ready", "empty"):
            self._tell(self._told())

    def _summary(self) -> str:
        return "" if self.value != (None, None) else "No days picked: all are meant."

    def _picked(self, _: Any) -> None:
        if self._drawing:
            return
        try:
            self.value = (self._first.value, self._last.value)
            self._draw()  # also where the value is as before: what was refused stands no more
        except traitlets.TraitError as error:
            first, last = (one or "open" for one in self.value)
            self._status.value = said(f"Not taken: {error}. Still picked: {first} to {last}.", "wrong")


def _day(given: Any) -> date | None:
    if given is None or given is pd.NaT:
        return None
    try:
        moment = instant(given, "the day")
    except ValueError as error:
        raise traitlets.TraitError(str(error)) from None
    return None if moment is None else moment.date()


def _dates(rows: pd.DataFrame) -> tuple[date, date] | None:
    """Give the first and the last day of a frame; None if it has no rows with a date."""
    columns = [rows[name] for name in rows.columns if pd.api.types.is_datetime64_any_dtype(rows[name])]
    if not columns:
        if len(rows.columns) and len(rows):
            raise ValueError("source has no column of dates; pass a report, or a frame with datetimes")
        return None
    known = [column.dropna() for column in columns]
    known = [pd.to_datetime(column, utc=True) for column in known if len(column)]
    if not known:
        return None
    return min(column.min() for column in known).date(), max(column.max() for column in known).date()
