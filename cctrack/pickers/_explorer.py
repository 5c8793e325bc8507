"""The widget of an exploration: campaigns and choices on top, the picture and the table below them."""

from typing import Any
from zoneinfo import available_timezones

import pandas as pd
import traitlets
from ipywidgets import HTML, Button, Combobox, Dropdown, HBox, Layout, Textarea, ToggleButton, ValueWidget, VBox

from cctrack.export._pictures import picture
from cctrack.pickers._campaigns import CampaignsPicker
from cctrack.pickers._exploration import Chosen, Exploration
from cctrack.pickers._html import drawn, said, tabulated
from cctrack.pickers._picker import NAMES
from cctrack.pickers._plain import display_plainly
from cctrack.pickers._supply import in_words
from cctrack.pickers._where import unattended

_CONTROL = {"width": "min(26em, 96%)"}


class Explorer(VBox, ValueWidget):
    """Ask one question of campaigns that are picked.

    Attributes
    ----------
    value : pandas.DataFrame or None
        The whole table of what is shown; None while nothing is.
    disabled : bool
        Whether it can be acted on.
    state : {"waiting", "loading", "ready", "empty", "error"}
        How things stand; "waiting" for leave to read what costs calls.
    campaigns : CampaignsPicker
        The campaigns.
    controls : dict of str to ipywidgets.Widget
        The other choices by keyword: `by`, `tz` and those of the analysis.
    """

    value = traitlets.Any(None, allow_none=True)
    disabled = traitlets.Bool(False)
    state = traitlets.Enum(("waiting", "loading", "ready", "empty", "error"), "waiting")

    def __init__(self, exploration: Exploration) -> None:
        self._exploration = exploration
        self._columns: list[str] = []
        self._head = HTML(said(exploration.question.title, "head"))
        self.controls: dict[str, Any] = {}
        self._status, self._result = HTML(), HTML(layout=Layout(width="100%"))
        self._read = Button(description="Read them", layout=Layout(width="auto"))
        self._copy = ToggleButton(description="Copy as code", layout=Layout(width="auto"))
        self._code = Textarea(description="Code", rows=12, style=NAMES, layout=Layout(width="96%", display="none"))
        self._read.on_click(lambda _: self._follow(leave=True))
        self._copy.observe(self._unfold, "value")
        super().__init__([self._head], layout=Layout(width="100%"))
        self.observe(self._switch, "disabled")
        self._open()

    @property
    def code(self) -> str:
        """The cell that makes the same table and picture without a widget."""
        return self._exploration.code(self._chosen(), self._columns, detailed=self.campaigns.detailed)

    def _open(self) -> None:
        """Set up the controls, which depend on the source, and show the default."""
        try:
            source = None if self._exploration.of_reports else self._exploration.campaigns()
            session = self._exploration.session if self._exploration.of_reports else None
            self.campaigns = CampaignsPicker(source, session=session)
            splits = self._exploration.splits()
        except Exception as error:
            self._tell(in_words(error), "wrong", "Try again")
            self.state = "error"
            self.children = [self._head, self._status, self._read]
            return
        question = self._exploration.question
        self.controls = {"by": _dropdown("Groups", splits)}
        self.controls |= {one.name: _dropdown(one.label, list(one.options)) for one in question.choices}
        self.controls["tz"] = Combobox(
            value="UTC",
            description="Time zone",
            options=sorted(available_timezones()),
            continuous_update=False,
            style=NAMES,
            layout=Layout(**_CONTROL),
        )
        choices = HBox(list(self.controls.values()), layout=Layout(flex_flow="row wrap", width="100%"))
        actions = HBox([self._read, self._copy], layout=Layout(flex_flow="row wrap"))
        self.children = [self._head, self.campaigns, choices, self._status, actions, self._code, self._result]
        if self.campaigns.rows.size and not self.campaigns.value:
            self.campaigns.value = (str(self.campaigns.rows["campaign_id"].iloc[0]),)
        for control in (self.campaigns, *self.controls.values()):
            control.observe(lambda _: self._follow(), "value")
        self._follow(first=True)

    def _chosen(self) -> Chosen:
        values = {name: control.value for name, control in self.controls.items()}
        split, tz = values.pop("by", ""), values.pop("tz", "UTC")
        campaigns = self.campaigns.value if hasattr(self, "campaigns") else ()
        return Chosen(tuple(campaigns), split, tz, tuple(values.items()))

    def _follow(self, *, first: bool = False, leave: bool = False) -> None:
        """Show what is chosen: at once if that costs nothing, else when leave is given."""
        if not self.controls:
            self._open()
            return
        chosen = self._chosen()
        if not chosen.campaigns:
            self._clear("Pick a campaign above." if len(self.campaigns.rows) else "There are no campaigns here.")
            return
        try:
            if leave or self._exploration.at_hand(chosen) or (first and self._is_small(chosen)):
                self._show(chosen)
            else:
                self._clear(self._exploration.plan(chosen), button="Read them", state="waiting")
        except Exception as error:
            self._clear(in_words(error), "wrong", "Try again", state="error")

    def _is_small(self, chosen: Chosen) -> bool:
        return self._exploration.is_small(chosen.campaigns[0], self.campaigns.rows)

    def _show(self, chosen: Chosen) -> None:
        self._clear("Reading and counting …", state="loading")
        self._enable(False)
        try:
            table = self._exploration.table(chosen, self.campaigns.labels)
            self._columns = self._exploration.columns(table, chosen)
            told = table.attrs["cctrack"]
            html = drawn(picture(table)) + tabulated(told["title"], table[self._columns])
            self._result.value = html + said(told["definition"])
        finally:
            self._enable(not self.disabled)
        self._tell("")
        self.state = "ready"
        self.value = table
        self._code.value = self.code

    def _clear(self, words: str, kind: str = "said", button: str = "", state: str = "empty") -> None:
        """Take the old answer away: beside new choices it would be taken for theirs."""
        self._result.value = self._code.value = ""
        self._tell(words, kind, button)
        self.value = None
        self.state = state

    def _tell(self, words: str, kind: str = "said", button: str = "") -> None:
        self._status.value = said(words, kind)
        self._read.description = button or self._read.description
        self._read.layout.display = "" if button else "none"

    def _unfold(self, change: Any) -> None:
        self._code.layout.display = "" if change["new"] else "none"

    def _switch(self, _: Any) -> None:
        self._enable(not self.disabled)

    def _enable(self, enabled: bool) -> None:
        for control in (self.campaigns, *self.controls.values(), self._read, self._copy):
            control.disabled = not enabled

    def _repr_mimebundle_(self, **kwargs: Any) -> dict[str, str]:
        bundle: dict[str, str] = super()._repr_mimebundle_(**kwargs)
        # What a page shows that cannot show the widget: the answer as it was when the cell ran.
        return {**bundle, "text/plain": self._words(), "text/html": self._status.value + self._result.value}

    def _ipython_display_(self) -> None:
        from IPython.display import display

        if unattended() and isinstance(self.value, pd.DataFrame):
            display_plainly(self.value, self.value[self._columns])
        else:
            display(self._repr_mimebundle_(), raw=True)  # type: ignore[no-untyped-call]

    def _words(self) -> str:
        if isinstance(self.value, pd.DataFrame):
            return self.value[self._columns].to_string(index=False)
        return f"{self._exploration.question.title} ({self.state})"


def _dropdown(label: str, options: list[tuple[str, str]]) -> Any:
    return Dropdown(description=label, options=options, style=NAMES, layout=Layout(**_CONTROL))
