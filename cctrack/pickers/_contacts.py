"""Picking a contact by address or name."""

from collections.abc import Sequence
from typing import Any, ClassVar

import pandas as pd

from cctrack.pickers._lists import ListPicker
from cctrack.pickers._quoting import quoted
from cctrack.pickers._search import folded
from cctrack.pickers._supply import Read, Source, Supply
from cctrack.reports import contacts_df

_TEXTS = ("email_address", "first_name", "last_name", "company_name")


class ContactPicker(ListPicker):
    """Find a contact by e-mail address, name or company; `.value` is its id.

    Parameters
    ----------
    source
        A frame with `contact_id`, and any of `email_address`, `first_name`, `last_name` and `company_name`; or a
        callable that gives one. None asks `cctrack.contacts_df`: at once if that costs no calls, else the widget
        shows the plan and a button.
    session
        Which session is asked; None takes the current one.

    Attributes
    ----------
    value : str or None
        Id of the contact.
    disabled : bool
        Whether it can be acted on.
    code : str
        The cell that gives the same contact without a widget.

    Raises
    ------
    TypeError, ValueError
        For a source that is no frame or lacks `contact_id`.

    Notes
    -----
    Searching sends nothing: it is done in memory, and the browser holds 50 contacts however many there are. Capitals
    and accents do not matter; several words must all be found. Enter in the search takes the first contact found, Tab
    leads to the list. What goes wrong is said within the widget.

    Examples
    --------
    >>> picker = cctrack.pickers.ContactPicker()
    >>> picker
    >>> cctrack.clicks_df(picker.value)
    """

    _noun: ClassVar[str] = "contact"
    _id: ClassVar[str] = "contact_id"
    _hint: ClassVar[str] = "address, name or company"
    _at_once: ClassVar[bool] = False

    def __init__(self, source: Source = None, *, session: Any = None) -> None:
        super().__init__(Supply(source, Read(contacts_df), [self._id], session))

    @property
    def code(self) -> str:
        """The cell that gives the same contact without a widget."""
        return "contact_id = None" if self.value is None else f"contact_id = {quoted(self.value)}"

    def _ordered(self, rows: pd.DataFrame) -> pd.DataFrame:
        name = next((name for name in ("email_address", "last_name") if name in rows.columns), None)
        if name is None:
            return rows
        keys = [folded(text) if isinstance(text, str) else "" for text in rows[name].astype(object)]
        return rows.iloc[sorted(range(len(keys)), key=lambda at: (not keys[at], keys[at]))]

    def _texts(self, rows: pd.DataFrame) -> Sequence[Sequence[object]]:
        columns = [rows[name].astype(object).tolist() for name in (*_TEXTS, self._id) if name in rows.columns]
        return list(zip(*columns, strict=True))

    def _label(self, at: int) -> str:
        row = self._rows.iloc[at]
        texts = {name: row[name] for name in _TEXTS if isinstance(row.get(name), str) and row[name].strip()}
        name = " ".join(texts[part] for part in ("first_name", "last_name") if part in texts)
        parts = [texts.get("email_address"), name, texts.get("company_name")]
        return " · ".join(filter(None, parts)) or f"contact {self._ids[at]}"
