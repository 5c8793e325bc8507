"""A notebook open in JupyterLab, driven through JupyterLab's own commands."""

from typing import Any, Literal
from urllib.parse import quote

from playwright.sync_api import Locator, Page

_READY = """async () => {
    await jupyterapp.restored;
    const panel = jupyterapp.shell.currentWidget;
    await panel.context.ready;
    await panel.sessionContext.ready;
    await panel.sessionContext.session.kernel.info;
}"""
_RUN_ALL = """async () => {
    await jupyterapp.commands.execute('notebook:clear-all-cell-outputs');
    await jupyterapp.commands.execute('notebook:run-all-cells');
}"""
_APPEND_AND_RUN = """async source => {
    const { content } = jupyterapp.shell.currentWidget;
    content.model.sharedModel.addCell({ cell_type: 'code', source });
    content.deselectAll();
    content.activeCellIndex = content.widgets.length - 1;
    await content.scrollToCell(content.activeCell);
    await jupyterapp.commands.execute('notebook:run-cell');
    return content.activeCellIndex;
}"""
_OUTPUTS = """() => [...jupyterapp.shell.currentWidget.content.model.cells]
    .map(cell => cell.type === 'code' ? cell.outputs.toJSON() : [])"""
_SHUTDOWN = "() => jupyterapp.shell.currentWidget.sessionContext.shutdown()"
_THEME = "theme => jupyterapp.commands.execute('apputils:change-theme', { theme })"
Output = dict[str, Any]


class Notebook:
    """A notebook open on a page.

    Parameters
    ----------
    page
        Of a browser that reaches the server.
    server
        Where JupyterLab answers.
    name
        Of the notebook in the server's folder.
    """

    def __init__(self, page: Page, server: str, name: str) -> None:
        self.page = page
        page.goto(f"{server}/doc/tree/{quote(name)}?reset")
        self.wait_until_ready()

    def wait_until_ready(self) -> None:
        """Wait until the notebook is shown and its kernel answers."""
        shown = "window.jupyterapp?.shell?.currentWidget?.sessionContext"
        self.page.wait_for_function(shown)
        self.page.evaluate(_READY)

    def run_all(self) -> None:
        """Clear what was shown and run all cells, as the menu does; any error fails, also one within a widget."""
        self.page.evaluate(_RUN_ALL)
        if found := self.errors():
            raise AssertionError("\n".join(found))

    def run(self, source: str, *, fails: str | None = None) -> Locator:
        """Add a cell at the end, run it, and give its output as it is shown; `fails` names the error it must raise."""
        index = self.page.evaluate(_APPEND_AND_RUN, source)
        found = self.errors()
        if [one.partition(":")[0] for one in found] != ([] if fails is None else [fails]):
            raise AssertionError("\n".join(found) or f"no {fails}")
        return self.cell(index)

    def cell(self, index: int) -> Locator:
        """Give what a cell shows below its source."""
        return self.page.locator(".jp-Notebook-cell").nth(index).locator(".jp-Cell-outputArea")

    @property
    def outputs(self) -> list[list[Output]]:
        """What the kernel sent, cell by cell."""
        sent: list[list[Output]] = self.page.evaluate(_OUTPUTS)
        return sent

    def errors(self) -> list[str]:
        """Give the errors in outputs, and those shown within widgets."""
        sent = [
            f"{one['ename']}: {one['evalue']}" for cell in self.outputs for one in cell if one["output_type"] == "error"
        ]
        inner = self.page.locator("[data-mime-type='application/vnd.jupyter.error'], .jupyter-widgets-error")
        return sent or inner.all_inner_texts()

    def text(self, source: str) -> str:
        """Run one more cell and give what it printed."""
        self.run(source)
        return "".join(one["text"] for one in self.outputs[-1] if one["output_type"] == "stream").strip()

    def wait_for(self, expression: str, value: str) -> None:
        """Ask the kernel for a value until it is this one: what is done to a widget may take a moment to arrive."""
        found = ""
        for _ in range(20):
            if (found := self.text(f"print({expression})")) == value:
                return
        raise AssertionError(f"{expression} is {found}, not {value}")

    def theme(self, name: Literal["JupyterLab Light", "JupyterLab Dark"]) -> None:
        """Change JupyterLab's colours."""
        self.page.evaluate(_THEME, name)
        self.page.wait_for_selector(f"body[data-jp-theme-name='{name}']", state="attached")

    def picture(self, shown: Locator) -> bytes:
        """Take a picture of a part of the page, whole however high it is."""
        size = self.page.viewport_size
        assert size is not None
        self.page.set_viewport_size({"width": size["width"], "height": 4000})  # else bars of JupyterLab lie over it
        shown.scroll_into_view_if_needed()
        taken = shown.screenshot(animations="disabled")
        self.page.set_viewport_size(size)
        return taken

    def close(self) -> None:
        """End the kernel."""
        self.page.evaluate(_SHUTDOWN)
