"""Acts as the browser: what it tells widgets, and all that they told it."""

import json
import re
from collections.abc import Iterator
from html import unescape
from typing import Any


def sets(widget: Any, **state: Any) -> None:
    """Change traits of a widget as the browser does."""
    _says(widget, {"method": "update", "state": state, "buffer_paths": []})


def picks(listed: Any, *places: int) -> None:
    """Choose options of a list by their places."""
    sets(listed, index=list(places) if listed._model_name.endswith("MultipleModel") else places[0])


def clicks(button: Any) -> None:
    """Press a button."""
    assert not button.disabled
    assert button.layout.display != "none"
    _says(button, {"method": "custom", "content": {"event": "click"}})


def types(search: Any, words: str) -> None:
    """Type words into a text, letter by letter."""
    for end in range(1, len(words) + 1):
        sets(search, value=words[:end])


def enters(search: Any) -> None:
    """Press Enter in a text."""
    _says(search, {"method": "custom", "content": {"event": "submit"}})


def _says(widget: Any, data: dict[str, Any]) -> None:
    widget._handle_msg({"content": {"data": data}, "buffers": []})


def everything(widget: Any) -> Iterator[Any]:
    """Give a widget and all within it."""
    yield widget
    for child in getattr(widget, "children", ()):
        yield from everything(child)


def told(widget: Any) -> str:
    """Give all that the browser holds of a widget and of those within it."""
    states = []
    for one in everything(widget):
        for part in (one, getattr(one, "layout", None), getattr(one, "style", None)):
            if part is not None:
                states.append(part.get_state())
    return json.dumps(states, ensure_ascii=False, default=str)


def said(widget: Any) -> str:
    """Give the words of a widget's line."""
    return unescape(re.sub("<[^>]*>", "", widget._status.value))


def is_alert(widget: Any) -> bool:
    """Tell whether the line is read aloud as an error."""
    return 'role="alert"' in widget._status.value


def offered(widget: Any) -> str:
    """Give the words of the button beside the line, if it is shown."""
    return "" if widget._button.layout.display == "none" else str(widget._button.description)


def labels(listed: Any) -> list[str]:
    """Give the words of all options."""
    return list(listed._options_labels)
