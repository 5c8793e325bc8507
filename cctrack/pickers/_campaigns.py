"""Picking campaigns by name, date and size, the newest first."""

from collections.abc import Sequence
from typing import Any, ClassVar

import pandas as pd
import traitlets

from cctrack.pickers._labels import counted
from cctrack.pickers._lists import ListPicker
from cctrack.pickers._mailings import AT, LISTED, SAID, newest_first, with_details
from cctrack.pickers._quoting import quoted
from cctrack.pickers._supply import Source, Supply

_NAMES = ("name", "campaign_name")


class _Campaigns(ListPicker):
    """What picking one campaign and picking several share."""

    _noun: ClassVar[str] = "campaign"
    _id: ClassVar[str] = "campaign_id"
    _hint: ClassVar[str] = "name, subject or date"

    def __init__(self, source: Source = None, *, session: Any = None) -> None:
        self._detailed = False
        super().__init__(Supply(source, LISTED, [self._id], session))

    def _frame(self) -> pd.DataFrame:
        detailed = with_details(self._supply.session()) if self._supply.is_report else None
        self._detailed = detailed is not None
        return super()._frame() if detailed is None else detailed

    def _ordered(self, rows: pd.DataFrame) -> pd.DataFrame:
        return newest_first(rows)

    def _texts(self, rows: pd.DataFrame) -> Sequence[Sequence[object]]:
        names = [name for name in (*_NAMES, "subject", self._id) if name in rows.columns]
        columns = [rows[name].astype(object).tolist() for name in names]
        return list(zip(*columns, rows[AT].dt.strftime("%Y-%m-%d %B %Y").astype(object).tolist(), strict=True))

    def _label(self, at: int) -> str:
        row = self._rows.iloc[at]
        names = [row[name] for name in _NAMES if isinstance(row.get(name), str) and row[name].strip()]
        date = "" if pd.isna(row[AT]) else f"{row[SAID]}{row[AT]:%Y-%m-%d}"
        parts = [names[0] if names else f"campaign {self._ids[at]}", date, counted(row.get("sends"), "sent", "sent")]
        return " · ".join(filter(None, parts))


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
        return self._detailed

    @property
    def ids(self) -> list[str]:
        """Ids of the campaigns, the newest first."""
        return self._ids

    @property
    def rows(self) -> pd.DataFrame:
        """The campaigns as they were read, the newest first: names and dates as analyses take them."""
        return self._rows.drop(columns=[AT, SAID], errors="ignore")

    def _summary(self) -> str:
        return f"{super()._summary()} Hold Ctrl or \N{PLACE OF INTEREST SIGN} to pick several."
