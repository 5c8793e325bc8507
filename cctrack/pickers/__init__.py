"""Widgets for those who would rather point than type: pick contacts, campaigns, links and days, and explore."""

from importlib import import_module
from typing import TYPE_CHECKING, Any

from cctrack.frontend import GET_WIDGETS

# ipywidgets is imported when a picker is first used: the explorers do without it where it is missing.
_NAMES = {
    "CampaignPicker": "cctrack.pickers._campaigns",
    "ContactPicker": "cctrack.pickers._contacts",
    "DateRangePicker": "cctrack.pickers._dates",
    "LinkPicker": "cctrack.pickers._links",
    "funnel_explorer": "cctrack.pickers._explorers",
    "link_explorer": "cctrack.pickers._explorers",
}

if TYPE_CHECKING:
    from cctrack.pickers._campaigns import CampaignPicker
    from cctrack.pickers._contacts import ContactPicker
    from cctrack.pickers._dates import DateRangePicker
    from cctrack.pickers._explorers import funnel_explorer, link_explorer
    from cctrack.pickers._links import LinkPicker

__all__ = ["CampaignPicker", "ContactPicker", "DateRangePicker", "LinkPicker", "funnel_explorer", "link_explorer"]


def __getattr__(name: str) -> Any:
    if name not in _NAMES:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    try:
        return getattr(import_module(_NAMES[name]), name)
    except ModuleNotFoundError as error:
        if error.name != "ipywidgets":
            raise
        raise ModuleNotFoundError(f"{name} needs ipywidgets: {GET_WIDGETS}", name="ipywidgets") from None


def __dir__() -> list[str]:
    return __all__
