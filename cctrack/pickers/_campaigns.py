"""Picking campaigns by name, date and size, the newest first."""

from collections.abc import Sequence
from typing import Any, ClassVar

import pandas as pd

from cctrack.pickers._labels import one_line
from cctrack.pickers._lists import ListPicker
from cctrack.pickers._mailings import AT, LISTED, NAMES, SAID, in_short, newest_first, with_details
from cctrack.pickers._quoting import quoted
from cctrack.pickers._supply import Source, Supply
from cctrack.pickers._widget import Checked

_NAMED = 3  # campaigns that are named where a table is of many


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
        names = [name for name in (*NAMES, "subject", self._id) if name in rows.columns]
        columns = [rows[name].astype(object).tolist() for name in names]
        return list(zip(*columns, rows[AT].dt.strftime("%Y-%m-%d %B %Y").astype(object).tolist(), strict=True))

    def _label(self, at: int) -> str:
        return in_short(self._rows.iloc[at])


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

    value = Checked(())
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
        picked = f" {len(self.value):,} of them picked." if self.value else ""
        return f"{super()._summary()}{picked} Hold Ctrl or \N{PLACE OF INTEREST SIGN} to pick several."

    def named(self) -> str:
        """Say which are picked: the first of them in words, and how many more."""
        first = [one_line(in_short(self._rows.iloc[self._at[one]])) for one in self.value[:_NAMED]]
        more = [f"and {len(self.value) - _NAMED:,} more"] * (len(self.value) > _NAMED)
        return "; ".join([*first, *more])
