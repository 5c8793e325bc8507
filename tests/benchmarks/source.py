"""Pages of clicks as the service sends them, on disk, and a process that serves them."""

import json
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from itertools import islice
from pathlib import Path
from random import Random
from typing import Any

from tests.benchmarks.measure import ROOT, environment
from tests.service import Answer, Request, Service

PAGE = 500
PATH = "/v2/contacts/36/tracking/clicks"
_CONTACTS, _CAMPAIGNS, _LINKS = 10_000, 50, 20
_NEWEST = 1_772_463_845_678  # milliseconds since 1970


def write_pages(file: Path, pages: int) -> None:
    """Write pages of 500 clicks, one a line, each with its link to the next."""
    random = Random(0)
    when = _NEWEST
    with file.open("w") as out:
        for page in range(pages):
            rows = []
            for _ in range(PAGE):
                when -= random.randrange(1, 60_000)
                rows.append(_click(random.randrange(_CONTACTS), random.randrange(_CAMPAIGNS * _LINKS), when))
            pagination = {"next_link": f"{PATH}?next={page + 1}"} if page + 1 < pages else {}
            out.write(json.dumps({"meta": {"pagination": pagination}, "results": rows}) + "\n")


def _click(contact: int, link: int, when: int) -> dict[str, str]:
    seconds, milliseconds = divmod(when, 1000)
    return {
        "activity_type": "EMAIL_CLICK",
        "campaign_id": str(1_100_000_000_000 + link // _LINKS),
        "contact_id": str(36 + contact),
        "email_address": f"firstname.lastname{contact}@example.org",
        "link_id": str(1_100_000_100_000 + link),
        "link_uri": f"https://shop.example.org/offers/{link}?utm_source=newsletter",
        "click_date": time.strftime("%Y-%m-%dT%H:%M:%S", time.gmtime(seconds)) + f".{milliseconds:03}Z",
    }


def read_pages(file: str, pages: int | None = None) -> Iterator[bytes]:
    """Give the bodies of the first pages, read from disk one after another."""
    with Path(file).open("rb") as lines:
        yield from islice(lines, pages)


class Served:
    """A server in another process, and its memory of when requests arrived."""

    def __init__(self, process: "subprocess.Popen[str]") -> None:
        self._process = process
        self.url = self._line()

    def arrivals(self) -> list[float]:
        """Seconds at which requests arrived since this was last asked."""
        assert self._process.stdin is not None
        self._process.stdin.write("\n")
        self._process.stdin.flush()
        return sorted(self._line())

    def _line(self) -> Any:
        assert self._process.stdout is not None
        return json.loads(self._process.stdout.readline())


@contextmanager
def served(file: Path, latency: float = 0.0) -> Iterator[Served]:
    """Serve the pages of a file on loopback; the first one alone when there is a latency."""
    command = [sys.executable, "-m", "tests.benchmarks.source", str(file), str(latency)]
    with subprocess.Popen(
        command, cwd=ROOT, env=environment(), stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
    ) as process:
        yield Served(process)  # at the end its input closes, and so does the server


def _serve(file: str, latency: float) -> None:
    bodies = list(read_pages(file, 1 if latency else None))
    if latency:
        bodies = [json.dumps({**json.loads(bodies[0]), "meta": {"pagination": {}}}).encode()]

    def answer(request: Request) -> Answer:
        time.sleep(latency)
        return Answer(body=bodies[int(request.query.get("next", ["0"])[0])])

    with Service(auth=False) as service:
        service.before = answer
        print(json.dumps(service.url), flush=True)
        for _ in sys.stdin:
            print(json.dumps([request.at for request in service.asked()]), flush=True)
            service.reset()


if __name__ == "__main__":
    _serve(sys.argv[1], float(sys.argv[2]))
