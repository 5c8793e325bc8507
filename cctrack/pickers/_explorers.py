"""The explorers: pick campaigns and choices, and see the table and the picture follow."""

from typing import Any

from cctrack.errors import CctrackError
from cctrack.frontend import has_widgets, in_a_batch
from cctrack.pickers._exploration import Exploration
from cctrack.pickers._labels import one_line
from cctrack.pickers._mailings import LISTED, in_short, newest_first, with_details
from cctrack.pickers._plain import NO_CAMPAIGN, Plain
from cctrack.pickers._questions import FUNNEL, LINKS, WHOLE, Chosen, Question
from cctrack.pickers._supply import Source


def funnel_explorer(source: Source = None, *, session: Any = None) -> Any:
    """Explore how far people get: choose campaigns, groups, counting, scanners and the zone of the months.

    Parameters
    ----------
    source
        A table of activities, or a callable that gives one. None asks the session's reports: what is in the cache is
        shown at once, for what is not the plan is shown first, with a button. The newest campaign is read at once
        unless it is a large one.
    session
        Which session is asked; None takes the current one.

    Returns
    -------
    Explorer
        A widget. Its `.value` is the whole table, as `cctrack.analysis.funnel` gives it, and `.code` the cell that
        makes it and its picture. Under nbconvert and papermill it shows table and picture as a plain cell does; without
        ipywidgets that of the default is all it can.

    Raises
    ------
    TypeError, ValueError
        For a source that is no frame or lacks a column of activities.

    Notes
    -----
    Typing in the search sends nothing. What goes wrong is said within the widget; where nobody can act on a widget it
    is raised.
    """
    return _explorer(FUNNEL, source, session)


def link_explorer(source: Source = None, *, session: Any = None) -> Any:
    """Explore which links people follow: choose campaigns, groups, what one link is, scanners and the zone.

    Parameters
    ----------
    source
        A table of activities, or a callable that gives one; None asks the session's reports, as in `funnel_explorer`.
    session
        Which session is asked; None takes the current one.

    Returns
    -------
    Explorer
        As of `funnel_explorer`; its `.value` is what `cctrack.analysis.link_popularity` gives.

    Raises
    ------
    TypeError, ValueError
        For a source that is no frame or lacks a column of activities.

    Notes
    -----
    A table of activities does not tell which links nobody clicked: with one given, they are missing.
    """
    return _explorer(LINKS, source, session)


def _explorer(question: Question, source: Source, session: Any) -> Any:
    exploration = Exploration(question, source, session)
    if not has_widgets():
        return _plain(exploration)
    from cctrack.pickers._explorer import Explorer

    return Explorer(exploration, alone=in_a_batch())


def _plain(exploration: Exploration) -> Plain:
    """Answer for the newest campaign, as an explorer does in the beginning; nobody can be asked for leave."""
    if exploration.of_reports:
        detailed = with_details(exploration.session)
        rows = LISTED.frame(exploration.session) if detailed is None else detailed
    else:
        rows = exploration.campaigns()
    rows = newest_first(rows)
    if rows.empty:
        raise CctrackError(NO_CAMPAIGN)
    newest = rows.iloc[0]
    keywords = tuple((one.name, one.options[0][1]) for one in exploration.question.choices)
    chosen = Chosen((newest["campaign_id"],), WHOLE, "UTC", keywords)
    table = exploration.table(chosen, None)
    columns = exploration.columns(table, chosen)
    return Plain(one_line(in_short(newest)), table, table[columns], exploration.code(chosen, columns, detailed=False))
