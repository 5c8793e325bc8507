"""The widget of an exploration: campaigns and choices on top, the picture and the table below them."""

from collections.abc import Sequence
from typing import Any
from zoneinfo import available_timezones

import pandas as pd
import traitlets
from ipywidgets import HTML, Combobox, Dropdown, HBox, Layout, Textarea, ToggleButton

from cctrack.errors import CctrackError
from cctrack.export._pictures import picture
from cctrack.frontend import unattended
from cctrack.pickers._campaigns import CampaignsPicker
from cctrack.pickers._exploration import Exploration
from cctrack.pickers._html import drawn, said, tabulated
from cctrack.pickers._mailings import LISTED
from cctrack.pickers._plain import NO_CAMPAIGN, display_plainly
from cctrack.pickers._questions import Chosen
from cctrack.pickers._supply import Read, in_words, noting
from cctrack.pickers._widget import NAMES, Checked, Stated

_CONTROL = {"width": "min(32em, 96%)"}
_WRAPPED = {"flex_flow": "row wrap", "width": "100%"}


class Explorer(Stated):
    """Ask one question of campaigns that are picked.

    Parameters
    ----------
    exploration
        Answers the question.
    alone
        Whether nobody is there: nobody can be asked for leave, or told what went wrong other than by an error.

    Attributes
    ----------
    value : pandas.DataFrame or None
        The whole table of what is shown; None while nothing is.
    disabled : bool
        Whether it can be acted on.
    state : {"waiting", "loading", "ready", "empty", "error"}
        How things stand; "waiting" for leave to read what costs calls.
    campaigns : CampaignsPicker
        The campaigns; there as soon as the source could be read.
    controls : dict of str to ipywidgets.Widget
        The other choices by keyword: `by`, `tz` and those of the analysis.
    """

    value = Checked(None)

    def __init__(self, exploration: Exploration, *, alone: bool = False) -> None:
        super().__init__()
        self._exploration = exploration
        self._alone = alone
        self._columns: list[str] = []
        self._answered: pd.DataFrame | None = None
        self._planned: Sequence[Read] = ()
        self._first = True
        self._head = HTML(said(exploration.question.title, "head"))
        self._result = HTML(layout=Layout(width="100%"))
        self._copy = ToggleButton(description="Copy as code", layout=Layout(width="auto"))
        self._code = Textarea(description="Code", rows=12, style=NAMES, layout=Layout(width="96%", display="none"))
        self._copy.observe(self._unfold, "value")
        self.controls: dict[str, Any] = {}
        self._open()

    @property
    def code(self) -> str:
        """The cell that makes the same table and picture without a widget."""
        if not self.controls:
            return "import cctrack"
        return self._exploration.code(self._chosen(), self._columns, detailed=self.campaigns.detailed)

    def _open(self) -> None:
        """Set up the controls, which depend on the source, and show the default."""
        try:
            source = None if self._exploration.of_reports else self._exploration.campaigns()
            if self._alone and source is None:
                LISTED.frame(self._exploration.session)  # the picker below would say what goes wrong, not raise it
            self.campaigns = CampaignsPicker(source, session=self._exploration.session if source is None else None)
            splits = self._exploration.splits()
        except Exception as error:
            if self._alone:
                raise
            self._tell(in_words(error), "error", "Try again")
            self.children = [self._head, self._status, self._button]
            return
        self.controls = {"by": _dropdown("Groups", splits)}
        self.controls |= {one.name: _dropdown(one.label, one.options) for one in self._exploration.question.choices}
        self.controls["tz"] = Combobox(
            value="UTC",
            description="Time zone",
            options=sorted(available_timezones()),
            continuous_update=False,
            style=NAMES,
            layout=Layout(**_CONTROL),
        )
        choices = HBox(list(self.controls.values()), layout=Layout(**_WRAPPED))
        actions = HBox([self._button, self._copy], layout=Layout(**_WRAPPED))
        self.children = [self._head, self.campaigns, choices, self._status, actions, self._code, self._result]
        self._act_on([self.campaigns, *self.controls.values(), self._copy])
        for control in (self.campaigns, *self.controls.values()):
            control.observe(lambda _: self._follow(), "value")
        self.campaigns.observe(lambda _: self._begin(), "state")
        self._begin()

    def _begin(self) -> None:
        """Show the newest campaign, as soon as it is known which that is."""
        if self.campaigns.state == "error":
            self._clear("", "error")  # what went wrong is said there, with a button of its own
        elif self.campaigns.state in ("ready", "empty"):
            if self._alone and not self.campaigns.ids:
                raise CctrackError(NO_CAMPAIGN)
            if self.campaigns.ids and not self.campaigns.value:
                self.campaigns.value = (self.campaigns.ids[0],)
            else:
                self._follow()

    def _chosen(self) -> Chosen:
        values = {name: control.value for name, control in self.controls.items()}
        return Chosen(self.campaigns.value, values.pop("by"), values.pop("tz"), tuple(values.items()))

    def _follow(self, leave: Sequence[Read] = ()) -> None:
        """Show what is chosen: at once if that costs nothing, else when leave is given to read what it takes."""
        chosen = self._chosen()
        self._planned = leave
        if not chosen.campaigns:
            self._clear("Pick a campaign above." if self.campaigns.ids else "There are no campaigns here.", "empty")
            return
        self._clear("Reading and counting …", "loading")
        try:
            self._exploration.hold(leave)
            left = self._exploration.left(chosen)
            if left and (self._alone or (self._first and self._exploration.is_small(chosen, self.campaigns.rows))):
                left = []
            plan = self._exploration.plan(left) if left else ""
            answer = None if left else self._answer(chosen)
        except BaseException as error:
            self._clear(in_words(error), "error", "Try again")
            if self._alone or not isinstance(error, Exception):
                raise
            return
        self._first = False
        self._planned = left
        if answer is None:
            self._tell(plan, "waiting", "Read them")
            self._code.value = self.code
        else:
            self._show(*answer)

    def _answer(self, chosen: Chosen) -> tuple[pd.DataFrame, list[str], str, str]:
        """Give the table, those of its columns that are shown, what is shown, and what is to be said of it."""
        with noting() as notes:
            table = self._exploration.table(chosen, self.campaigns.rows)
            columns = self._exploration.columns(table, chosen)
            described = table.attrs["cctrack"]
            html = said(self.campaigns.named(), "head") + drawn(picture(table))
            html += tabulated(described["title"], table[columns]) + said(described["definition"])
        return table, columns, html, " ".join([*self._exploration.notes, *notes])

    def _show(self, table: pd.DataFrame, columns: list[str], html: str, words: str) -> None:
        self._columns = columns
        self._result.value, self._code.value = html, self.code
        self._answered = table
        with self.hold_trait_notifications():  # who observes one finds the other
            self.value = table
            self._tell(words, "ready")

    def _clear(self, words: str, state: str, button: str = "") -> None:
        """Take the old answer away: beside new choices it would be taken for theirs."""
        self._result.value = self._code.value = ""
        self._columns = []
        self._answered = None
        with self.hold_trait_notifications():
            self.value = None
            self._tell(words, state, button)

    @traitlets.validate("value")
    def _its_own(self, proposal: Any) -> Any:
        """Refuse any other table: it would stand beside choices that it is not the answer to."""
        if proposal["value"] is not self._answered:
            raise traitlets.TraitError("the table follows from campaigns.value and controls[...].value: set those")
        return proposal["value"]

    def _pressed(self) -> None:
        if not self.controls:
            self._open()
        elif self.state in ("waiting", "error"):
            self._follow(self._planned)

    def _unfold(self, change: Any) -> None:
        self._code.layout.display = "" if change["new"] else "none"

    def _repr_mimebundle_(self, **kwargs: Any) -> dict[str, str]:
        bundle: dict[str, str] = super()._repr_mimebundle_(**kwargs)
        # What a page shows that cannot show the widget: the answer as it was when the cell ran.
        return {**bundle, "text/plain": self._words(), "text/html": self._status.value + self._result.value}

    def _ipython_display_(self) -> None:
        from IPython.display import display

        if not unattended():
            display(self._repr_mimebundle_(), raw=True)  # type: ignore[no-untyped-call]
        elif isinstance(self.value, pd.DataFrame):
            display_plainly(self.campaigns.named(), self.value, self.value[self._columns])
        else:
            display({"text/plain": f"{self._words()} {self._line}"}, raw=True)  # type: ignore[no-untyped-call]

    def _words(self) -> str:
        if isinstance(self.value, pd.DataFrame):
            return f"{self.campaigns.named()}\n{self.value[self._columns].to_string(index=False)}"
        return f"{self._exploration.question.title} ({self.state})"


def _dropdown(label: str, options: Sequence[tuple[str, str]]) -> Any:
    return Dropdown(description=label, options=list(options), style=NAMES, layout=Layout(**_CONTROL))
