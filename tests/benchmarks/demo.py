"""The embedded account: what a full page costs its server."""

import time
from pathlib import Path
from statistics import median

from tests.benchmarks.measure import Figures, Row, apart

_TIMES = 40


def run(folder: Path, *, quick: bool) -> list[Row]:
    """Measure a page of a campaign's sends."""
    found = apart("demo", "pages")
    return [Row(f"demo server, page of {found['rows']:.0f} rows: CPU", "ms", found["cpu"])]


def pages() -> Figures:
    """Answer the same call many times."""
    from cctrack.demo_account.account import generate
    from cctrack.demo_account.quirks import Quirks
    from cctrack.demo_account.v2_face import V2Face
    from cctrack.demo_account.wire import Call, Gate

    account = generate(contacts=2000, seed=0)
    face = V2Face(account, Quirks(), Gate(None, None))
    headers = {"authorization": "Bearer token"}
    found = []
    for id_, status in zip(account.campaigns.ids, account.campaigns.status, strict=True):
        path = f"/v2/emailmarketing/campaigns/{id_}/tracking/sends"
        body = face.answer(Call("GET", path, {"api_key": "key"}, headers)).body if status == "SENT" else b""
        found.append((body.count(b"EMAIL_SEND"), path))
    rows, path = max(found)
    seconds = []
    for _ in range(_TIMES):
        start = time.process_time()
        face.answer(Call("GET", path, {"api_key": "key"}, headers))
        seconds.append(time.process_time() - start)
    return {"rows": rows, "cpu": 1000 * median(seconds)}
