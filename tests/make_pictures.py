"""Makes the pictures of the README: ``python -m tests.make_pictures``; needs Chromium.

The explorer as it looks in JupyterLab, and two results as `cctrack.plots` draws them, all of the demo account.
"""

import sys
import tempfile
from io import BytesIO
from pathlib import Path

from PIL import Image

import cctrack
from tests.browser import chromium
from tests.browser.lab import ROOT, Lab
from tests.browser.notebook import Notebook

FOLDER = ROOT / "notebooks" / "images"
WIDTH = 960
_COLOURS = 32  # enough for flat colours and the edges of letters, in half the bytes
_CAMPAIGN = "February newsletter"
_EXPLORER = "import cctrack\n\ncctrack.demo()\nexplorer = cctrack.pickers.funnel_explorer()\nexplorer"


def explorer(folder: Path) -> bytes:
    """Take a picture of the funnel explorer, with a campaign picked by mouse."""
    with chromium.browser() as running, Lab(folder) as lab:
        window = chromium.Window(running, width=WIDTH)
        notebook = Notebook(window.page, lab.url, lab.write("explorer", []))
        shown = notebook.run(_EXPLORER)
        shown.get_by_role("listbox", name="Campaigns").get_by_text(_CAMPAIGN).click()
        shown.get_by_role("row", name="sent 1,749").wait_for()
        taken = notebook.picture(shown.locator(".jp-OutputArea-output").last)
        notebook.close()
        window.close()
    return taken


def results() -> dict[str, bytes]:
    """Draw a funnel and the most popular links of the same campaign."""
    from cctrack.export._pictures import picture

    with cctrack.demo() as session:
        campaigns = cctrack.campaigns_df(session=session).set_index("name")["campaign_id"]
        campaign = campaigns[_CAMPAIGN]
        activities = cctrack.campaign_activities_df(campaign, session=session)
        tables = {
            "funnel": cctrack.analysis.funnel(activities),
            "links": cctrack.analysis.link_popularity(activities, cctrack.links_df(campaign, session=session)),
        }
    return {name: drawn.png for name, table in tables.items() if (drawn := picture(table)) is not None}


def write(name: str, png: bytes) -> None:
    """Write a picture small: at most this wide, in few colours, with nothing about its making."""
    with Image.open(BytesIO(png)) as taken:
        image = taken.convert("RGB")
    if image.width > WIDTH:
        image = image.resize((WIDTH, round(image.height * WIDTH / image.width)), Image.Resampling.LANCZOS)
    path = FOLDER / f"{name}.png"
    image.quantize(_COLOURS, dither=Image.Dither.NONE).save(path, optimize=True)
    print(f"{path.relative_to(ROOT)}: {image.width} x {image.height}, {path.stat().st_size / 1000:.0f} kB")


def main() -> int:
    """Make all of them anew."""
    FOLDER.mkdir(exist_ok=True)
    with tempfile.TemporaryDirectory(ignore_cleanup_errors=True) as folder:
        write("explorer", explorer(Path(folder)))
    for name, png in results().items():
        write(name, png)
    return 0


if __name__ == "__main__":
    sys.exit(main())
