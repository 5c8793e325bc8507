"""Several ids in one call: the answer is taken apart, and each part stands for the answer of its own walk."""

import threading
from collections.abc import Sequence

import msgspec

from cctrack.api.given import Batch
from cctrack.api.transport import Transport
from cctrack.errors import CctrackError, NotFoundError

_BAD_REQUEST = 400


class Together:
    """Asks for the ids of a fan-out a batch at a time, each when the first of its ids is wanted.

    Parameters
    ----------
    batch
        How they are asked for.
    ids
        All that the cache does not answer.
    transport
        Asks.
    prefix
        Of the dialect's addresses.
    """

    def __init__(self, batch: Batch, ids: Sequence[str], transport: Transport, prefix: str) -> None:
        self._batch = batch
        self._transport = transport
        self._prefix = prefix
        parts = [list(ids[start : start + batch.size]) for start in range(0, len(ids), batch.size)]
        self._part_of = {one: part for part, some in enumerate(parts) for one in some}
        self._parts = parts
        self._locks = [threading.Lock() for _ in parts]
        self._found: list[dict[str, bytes] | None] = [None] * len(parts)

    def give(self, one: str) -> tuple[bytes | None, int]:
        """Give the answer of an id, None where it is to be asked for by itself; and the calls that were made now."""
        part = self._part_of.get(one)
        if part is None or len(self._parts[part]) < 2:
            return None, 0
        with self._locks[part]:
            calls = 0
            found = self._found[part]
            if found is None:
                found, calls = self._asked(self._parts[part])
                self._found[part] = found
        return found.get(one), calls

    def _asked(self, ids: Sequence[str]) -> tuple[dict[str, bytes], int]:
        path = f"{self._prefix}{self._batch.path(ids)}"
        try:
            found, _, calls = self._transport.fetch(path, "", self._batch.split)
        except CctrackError as error:
            # One id that the service does not know may be refused with all others: each by itself tells which.
            if isinstance(error, NotFoundError) or error.status == _BAD_REQUEST:
                return {}, 1
            raise
        return {one: msgspec.json.encode(answer) for one, answer in found.items()}, calls
