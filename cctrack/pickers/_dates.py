"""Picking a range of days."""

from datetime import date, datetime
from typing import Any, ClassVar

import pandas as pd
import traitlets
from ipywidgets import DatePicker

from cctrack.pickers._picker import NAMES, Picker
from cctrack.pickers._supply import Read, Source, Supply
from cctrack.reports import campaigns_df


class DateRangePicker(Picker):
    """Pick the first and the last day; `.value` is the pair of them.

    Parameters
    ----------
    source
        A frame with dates, such as any report: its first and last day are what is picked in the beginning; or a
        callable that gives one. None begins with the first day of `cctrack.campaigns_df`, without a last day.
    session
        Which session is asked; None takes the current one.

    Attributes
    ----------
    value : tuple of (datetime.date or None, datetime.date or None)
        The first and the last day, both of them included, in UTC; None where that side is open.
    disabled : bool
        Whether it can be acted on.
    code : str
        The cell that gives the activities of these days without a widget.

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
        self._first = DatePicker(description="From", style=NAMES)
        self._last = DatePicker(description="To (included)", style=NAMES)
        if isinstance(source, pd.DataFrame):
            _dates(source)
        super().__init__(Supply(source, Read(campaigns_df), [], session), [self._first, self._last])
        for one in (self._first, self._last):
            one.observe(self._picked, "value")
        self.observe(lambda _: self._draw(), "value")

    @property
    def code(self) -> str:
        """The cell that gives the activities of these days without a widget."""
        first, last = self.value
        since = f'created_since="{first}"' if first else ""
        lines = ["import cctrack", "", f"activities = cctrack.account_activities_df({since})"]
        if last:
            lines[:1] = ["import pandas as pd", "", "import cctrack"]
            end = f'pd.Timestamp("{last}", tz="UTC") + pd.Timedelta(days=1)'
            lines.append(f'activities = activities[activities["activity_date"] < {end}]')
        return "\n".join(lines)

    def _take(self, rows: pd.DataFrame) -> None:
        dates = _dates(rows)
        if dates is not None and self.value == (None, None):
            # What the newest campaign leads to comes after its own date.
            self.value = (dates[0], None) if self._supply.is_report else dates
        self._draw()

    @traitlets.validate("value")
    def _in_order(self, proposal: Any) -> Any:
        first, last = (_day(one) for one in proposal["value"])
        if first and last and first > last:
            raise traitlets.TraitError(f"the range begins on {first}, after its last day {last}")
        return first, last

    def _draw(self) -> None:
        self._first.value, self._last.value = self.value
        self._tell("" if self.value != (None, None) else "No days picked: all are meant.")

    def _picked(self, _: Any) -> None:
        try:
            self.value = (self._first.value, self._last.value)
        except traitlets.TraitError as error:
            self._tell(f"Not taken: {error}. Still picked: {self.value[0]} to {self.value[1]}.", "wrong")


def _day(given: Any) -> date | None:
    if given is None or (isinstance(given, date) and not isinstance(given, datetime)):
        return given
    try:
        moment = pd.Timestamp(given)
    except (TypeError, ValueError):
        raise traitlets.TraitError(f"{given!r} is no day; pass a date or a text such as '2026-01-31'") from None
    return (moment.tz_convert("UTC") if moment.tzinfo else moment).date()


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
