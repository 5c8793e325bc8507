"""Picking campaigns by name, date and size, the newest first."""

from collections.abc import Sequence
from typing import Any, ClassVar

import pandas as pd
import traitlets

from cctrack.pickers._lists import ListPicker
from cctrack.pickers._quoting import quoted
from cctrack.pickers._supply import Read, Source, Supply, costs_nothing
from cctrack.reports import campaigns_df

_DATES = {"last_run_date": "", "send_date": "", "modified_date": "changed "}
_DETAILED = Read(campaigns_df, (), (("details", True),))


class _Campaigns(ListPicker):
    """What picking one campaign and picking several share."""

    _noun: ClassVar[str] = "campaign"
    _id: ClassVar[str] = "campaign_id"
    _hint: ClassVar[str] = "name, subject or date"

    def __init__(self, source: Source = None, *, session: Any = None) -> None:
        super().__init__(Supply(source, Read(campaigns_df), [self._id], session))

    def load(self) -> None:
        """Read the campaigns; with their send dates and sizes where that costs nothing."""
        try:
            if self._supply.is_report and costs_nothing(self._supply.session(), [_DETAILED]):
                self._supply.read = _DETAILED
        except Exception:  # said by what comes now, if it is still so
            self._supply.read = Read(campaigns_df)
        super().load()

    def _ordered(self, rows: pd.DataFrame) -> pd.DataFrame:
        dated = rows.assign(_at=pd.Series(pd.NaT, rows.index, "datetime64[us, UTC]"), _said="")
        for name, words in _DATES.items():
            if name in rows.columns:
                dates = pd.to_datetime(rows[name], utc=True, errors="coerce").astype("datetime64[us, UTC]")
                new = dated["_at"].isna() & dates.notna()
                dated.loc[new, "_said"] = words
                dated["_at"] = dated["_at"].fillna(dates)
        return dated.sort_values("_at", ascending=False, kind="stable", na_position="last")

    def _texts(self, rows: pd.DataFrame) -> Sequence[Sequence[object]]:
        names = [name for name in ("name", "campaign_name", "subject", self._id) if name in rows.columns]
        columns = [rows[name].astype(object).tolist() for name in names]
        dates = rows["_at"].dt.strftime("%Y-%m-%d %B %Y")
        return list(zip(*columns, dates.astype(object).tolist(), strict=True))

    def _label(self, at: int) -> str:
        row = self._rows.iloc[at]
        names = [row[name] for name in ("name", "campaign_name") if name in row.index and isinstance(row[name], str)]
        parts = [names[0] if names else f"campaign {self._ids[at]}"]
        if not pd.isna(row["_at"]):
            parts.append(f"{row['_said']}{row['_at']:%Y-%m-%d}")
        if "sends" in row.index and not pd.isna(row["sends"]):
            parts.append(f"{row['sends']:,} sent")
        return " · ".join(parts)


class CampaignPicker(_Campaigns):
    """Find a campaign by name, subject or date, the newest first; `.value` is its id.

    Parameters
    ----------
    source
        A frame with `campaign_id`, and any of `name`, `subject`, `sends` and a date (`last_run_date`, `send_date` or
        `modified_date`); or a callable that gives one. None asks `cctrack.campaigns_df`, with the details where they
        cost no calls.
    session
        Which session is asked; None takes the current one.

    Attributes
    ----------
    value : str or None
        Id of the campaign.
    disabled : bool
        Whether it can be acted on.
    code : str
        The cell that gives the same campaign without a widget.

    Raises
    ------
    TypeError, ValueError
        For a source that is no frame or lacks `campaign_id`.

    Notes
    -----
    The list of campaigns tells neither send dates nor sizes, only when a campaign was last changed. To see them, pass
    `cctrack.campaigns_df(details=True)`, which costs one call a campaign the first time.
    """

    @property
    def code(self) -> str:
        """The cell that gives the same campaign without a widget."""
        return "campaign_id = None" if self.value is None else f"campaign_id = {quoted(self.value)}"


class CampaignsPicker(_Campaigns):
    """Find several campaigns; `.value` is a tuple of their ids, the newest first."""

    value = traitlets.Any(())
    _many: ClassVar[bool] = True

    @property
    def code(self) -> str:
        """The cell that gives the same campaigns without a widget."""
        return f"campaign_ids = [{', '.join(map(quoted, self.value))}]"

    @property
    def detailed(self) -> bool:
        """Whether send dates and sizes were read, too."""
        return self._supply.read is _DETAILED

    @property
    def rows(self) -> pd.DataFrame:
        """The campaigns, the newest first."""
        return self._rows

    @property
    def labels(self) -> pd.DataFrame:
        """Names and dates of campaigns as analyses take them."""
        return self._rows.drop(columns=["_at", "_said"], errors="ignore")
