"""Activities in pandas: what is quicker with arrays than through narwhals."""

from collections.abc import Iterable, Sequence
from typing import Any, cast

import numpy as np
import pandas as pd

from cctrack.analysis._events import RECIPIENT, Events
from cctrack.analysis._places import Coded, Places, kinds_of
from cctrack.analysis._tables import checked, pandas_kind, plain, truths


class PandasEvents(Events):
    """Activities in pandas; what is not faster by hand is asked through narwhals as of any engine."""

    table: pd.DataFrame
    coded: Coded

    @classmethod
    def opened(cls, activities: pd.DataFrame, columns: Sequence[str]) -> "PandasEvents":
        """Take a table, and check the columns that an analysis needs."""
        checked(activities, columns, "activities", "cctrack.campaign_activities_df")
        told = activities.attrs.get("cctrack")
        told = told if isinstance(told, dict) else {}
        return cls.of(activities, told["source"] if "analysis" in told else told)  # of machine_activity: of its input

    @classmethod
    def of(cls, table: pd.DataFrame, source: dict[str, Any]) -> "PandasEvents":
        """Take a table whose columns are known to be right."""
        import narwhals as nw

        events = cls(nw.from_native(table).lazy(), "pandas", source)
        events.table = table
        events.coded = Coded(table)
        return events

    def patterns(self, keys: Sequence[str]) -> pd.DataFrame:
        """Count recipients by pattern; see `Events.patterns`."""
        return Places(self.coded, keys).counted(kinds_of(self.coded))

    def newest(self) -> pd.Timestamp:
        """Give the date of the newest event, NaT where there is none."""
        date = self.table["activity_date"].array
        if not isinstance(date, pd.arrays.DatetimeArray) or not len(date):
            return super().newest()
        number: Any = date.view("i8")
        last = pd.Series(date[[int(number.argmax())]])  # as a number NaT is less than all dates
        return cast(pd.Timestamp, plain(last).iloc[0])

    def each_pattern(self, *, why: str, instead: str) -> pd.DataFrame:
        """Give the recipients one by one; see `Events.each_pattern`."""
        return self.patterns(list(RECIPIENT))

    def until(self, as_of: pd.Timestamp) -> "PandasEvents":
        """Give the events up to a point in time; those without a date stay."""
        date = self.table["activity_date"]
        return type(self).of(self.table[~(date > as_of).to_numpy(dtype=np.bool_, na_value=False)], self.source)

    def of_recipients(self) -> "PandasEvents":
        """Give the events that have a campaign and a contact."""
        known = self.table[list(RECIPIENT)].notna().all(axis=1).to_numpy()
        return self if known.all() else type(self).of(self.table[known], self.source)

    def with_campaigns_as(self, column: str, values: "pd.Series[Any]") -> "PandasEvents":
        """Give the events with a further column; see `Events.with_campaigns_as`."""
        codes, names = self.coded["campaign_id"]
        texts = pd.Categorical(values.reindex(names))
        told = pd.Categorical.from_codes(np.append(texts.codes, -1)[codes], dtype=texts.dtype)  # the last is that of NA
        return type(self).of(self.table.assign(**{column: told}), self.source)

    def of_contacts(self, contacts: Iterable[str]) -> "PandasEvents":
        """Give the events of some contacts."""
        return self._having_one_of("contact_id", contacts)

    def of_campaigns(self, campaigns: Iterable[str]) -> "PandasEvents":
        """Give the events of some campaigns."""
        return self._having_one_of("campaign_id", campaigns)

    def _having_one_of(self, name: str, values: Iterable[str]) -> "PandasEvents":
        codes, names = self.coded[name]
        chosen = np.append(np.isin(names, list(values)), False)  # the last is that of NA
        return self if chosen[codes].all() else type(self).of(self.table[chosen[codes]], self.source)

    def of_clickers(self, columns: Iterable[str], *, why: str, links: Iterable[str] = ()) -> pd.DataFrame:
        """Give the rows that `Events.of_clickers` does; their index tells where they stand."""
        wanted = list(dict.fromkeys((*self._own(columns), *RECIPIENT)))
        kinds, names = self.coded["activity_type"]
        click = names.get_indexer(["EMAIL_CLICK"])[0]
        told = (kinds == click) & (click >= 0)
        if ids := list(links):
            caught = told & self.table["link_id"].isin(ids).to_numpy(dtype=np.bool_)
            contacts, _ = self.coded["contact_id"]
            told |= np.isin(contacts, np.unique(contacts[caught]))
        if "machine" in self.columns:
            told |= truths(self.table["machine"])
        chosen = Places(self.coded, []).sharing(told)
        rows = self.table[wanted].take(chosen)
        rows.index = pd.Index(chosen)
        rows.attrs = {}
        # Categories stay: they are quicker to count.
        others = [name for name in wanted if not isinstance(rows[name].dtype, pd.CategoricalDtype)]
        return rows.assign(**{name: plain(rows[name]) for name in others})

    def _rows(self, rows: Any, why: str, instead: str = "") -> pd.DataFrame:
        return self._over(rows, why)  # they are here already: no limit

    def _holds(self, name: str) -> str:
        return pandas_kind(self.table[name])

    def _with(self, frame: Any) -> "PandasEvents":
        return type(self).of(frame.collect().to_native(), self.source)
