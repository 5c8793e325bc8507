"""Picking a tracked link of a campaign."""

from collections.abc import Sequence
from typing import Any, ClassVar

import pandas as pd

from cctrack.export._texts import shortened
from cctrack.inputs import one_identifier
from cctrack.pickers._labels import as_ids, counted
from cctrack.pickers._lists import ListPicker
from cctrack.pickers._quoting import quoted
from cctrack.pickers._supply import Read, Source, Supply
from cctrack.reports import links_df

_ADDRESS = 60  # letters: what fits beside the clicks


class LinkPicker(ListPicker):
    """Find a link of a campaign by its address, the most clicked first; `.value` is its id.

    Parameters
    ----------
    campaign_id
        The campaign.
    source
        A frame with `link_id`, and any of `link_uri`, `click_count` and `campaign_id`; or a callable that gives one.
        None asks `cctrack.links_df`.
    session
        Which session is asked; None takes the current one.

    Attributes
    ----------
    value : str or None
        Id of the link.
    disabled : bool
        Whether it can be acted on.
    code : str
        The cell that gives the same link without a widget.

    Raises
    ------
    TypeError, ValueError
        For a bad id, or a source that is no frame or lacks `link_id`.
    """

    _noun: ClassVar[str] = "link"
    _id: ClassVar[str] = "link_id"
    _hint: ClassVar[str] = "part of the address"

    def __init__(self, campaign_id: str | int | float, source: Source = None, *, session: Any = None) -> None:
        self._campaign = one_identifier(campaign_id, "campaign_id")
        super().__init__(Supply(source, Read(links_df, (self._campaign,)), [self._id], session))

    @property
    def code(self) -> str:
        """The cell that gives the same link without a widget."""
        link = "None" if self.value is None else quoted(self.value)
        return f"campaign_id, link_id = {quoted(self._campaign)}, {link}"

    def _ordered(self, rows: pd.DataFrame) -> pd.DataFrame:
        if "campaign_id" in rows.columns:
            rows = rows[as_ids(rows["campaign_id"]) == self._campaign]
        if "click_count" in rows.columns:
            counts = pd.to_numeric(rows["click_count"].astype(object), errors="coerce").astype("float64")
            rows = rows.loc[counts.sort_values(ascending=False, kind="stable", na_position="last").index]
        return rows

    def _texts(self, rows: pd.DataFrame) -> Sequence[Sequence[object]]:
        columns = [rows[name].astype(object).tolist() for name in ("link_uri", self._id) if name in rows.columns]
        return list(zip(*columns, strict=True))

    def _label(self, at: int) -> str:
        row = self._rows.iloc[at]
        known = isinstance(row.get("link_uri"), str) and row["link_uri"].strip()
        address = shortened(row["link_uri"], _ADDRESS) if known else f"link {self._ids[at]} (address not known)"
        return " · ".join(filter(None, [counted(row.get("click_count"), "click", "clicks"), address]))
