"""Moving from v2 to v3: which identifier of the one is which of the other."""

import sqlite3
import warnings
from collections.abc import Iterable
from typing import Literal

import pandas as pd

from cctrack.api.session import Session, cache_is_off
from cctrack.api.xrefs import XREFS, Crosswalk, bare
from cctrack.connecting import current
from cctrack.errors import CacheMissError, CacheWarning, NotFoundError, NotOfferedError
from cctrack.inputs import identifiers
from cctrack.origin import KEY, described
from cctrack.progress import bar

_NAMED = 5  # unknown ids in an error


def crosswalk(
    ids: str | float | Iterable[str | float],
    kind: Literal["contact", "list", "campaign"] = "contact",
    *,
    on_missing: Literal["raise", "skip"] = "raise",
    session: Session | None = None,
) -> pd.DataFrame:
    """One row is a v2 identifier and the v3 one of the same contact, list or campaign.

    Needs a session of the v3 API. One call brings 500 contacts or lists, or 50 campaigns. What was found is kept on
    disk beside the account's cache and never asked for again: the vendor will remove the service behind it, so fetch
    all that you need when you move. `cache.clear` leaves it, `cache.forget` removes a contact. There is no such list
    for links, and none from v3 to v2.

    Parameters
    ----------
    ids
        v2 identifiers: one, or any iterable of them. Leading zeros make no difference.
    kind
        What they are of.
    on_missing
        "raise" stops when the service does not know an id; "skip" leaves it out and names it in the provenance.
    session
        The session to ask; None takes the current one.

    Returns
    -------
    pandas.DataFrame
        `v2_id` as given, each once and in this order; `v3_id`; `kind`. All are text.

    Raises
    ------
    ValueError
        For what is no v2 identifier, before anything is sent.
    NotOfferedError
        On a v2 session.
    NotFoundError
        When the account has no such contact, list or campaign; what was found is kept.
    CacheMissError
        Offline, for what is not on disk.
    """
    if kind not in XREFS:
        raise ValueError(f"kind is {kind!r}; pass one of {', '.join(map(repr, XREFS))}")
    if on_missing not in ("raise", "skip"):
        raise ValueError(f"on_missing is {on_missing!r}; pass 'raise' or 'skip'")
    wanted = {given: bare(given) for given in identifiers(ids, "ids")}
    for given, key in wanted.items():
        if not key:
            raise ValueError(f"ids holds {given!r}, which is no v2 identifier: these are digits alone, such as '36'")
    session = current(session)
    if session.api != "v3":
        raise NotOfferedError(
            f"crosswalk is not offered by the {session.api} API, only by v3; connect to the account there to use it"
        )
    pairs = _Pairs(session, kind)
    found, calls = pairs.of(list(dict.fromkeys(wanted.values())))
    missing = [given for given, key in wanted.items() if key not in found]
    if missing and on_missing == "raise":
        _refuse(missing, kind)
    rows = [(given, found[key], kind) for given, key in wanted.items() if key in found]
    frame = pd.DataFrame(rows, columns=["v2_id", "v3_id", "kind"], dtype="string")
    frame.attrs[KEY] = described(
        report="crosswalk",
        api=session.api,
        account=session.account,
        fetched_at=session.clock.time() if calls else None,
        from_cache=bool(wanted) and not calls,
        calls=calls,
        pages=calls,
        complete=True,
        created_since=None,
        route=None,
        ids=list(wanted),
        missing=missing,
        missing_columns=[],
        repaired=0,
    )
    return frame


def _refuse(missing: list[str], kind: str) -> None:
    named = ", ".join(missing[:_NAMED]) + (f" and {len(missing) - _NAMED:,} more" if len(missing) > _NAMED else "")
    raise NotFoundError(
        f"the service knows no v3 {kind} for {named}; check that they are of this account, "
        'or leave them out with on_missing="skip"'
    )


class _Pairs:
    """What is on disk, and what has to be asked for.

    Parameters
    ----------
    session
        Of the account.
    kind
        What the identifiers are of.
    """

    def __init__(self, session: Session, kind: str) -> None:
        self._asked = session.identify()
        path = None if cache_is_off() else session.store.path
        self._session, self._kind = session, kind
        self._file = None if path is None else Crosswalk(path.parent)

    def of(self, keys: list[str]) -> tuple[dict[str, str], int]:
        """Give the pairs that there are, and the number of calls that it took."""
        xref, calls = XREFS[self._kind], self._asked
        found = self._held(keys)
        unknown = [key for key in keys if key not in found]
        if unknown and self._session.policy.offline:
            raise CacheMissError(
                f"{len(unknown):,} of the ids are not on disk, and the session is offline; connect without offline=True"
            )
        batches = list(xref.batches(unknown))
        with bar("crosswalk", "call", len(batches), wanted=len(batches) > 1) as done:
            for batch in batches:
                answer, asked = self._session.read(xref.path, xref.query(batch), xref.read)
                calls += asked
                pairs = {key: answer[key] for key in batch if key in answer}
                self._keep(pairs)  # each batch by itself: what breaks off goes on from there
                found |= pairs
                done.update()
        return found, calls

    def _held(self, keys: list[str]) -> dict[str, str]:
        try:
            return {} if self._file is None else self._file.held(self._kind, keys)
        except (OSError, sqlite3.Error) as error:
            self._warn(error)
            return {}

    def _keep(self, pairs: dict[str, str]) -> None:
        try:
            if self._file is not None:
                self._file.keep(self._kind, pairs)
        except (OSError, sqlite3.Error) as error:
            self._warn(error)

    def _warn(self, error: Exception) -> None:
        file, self._file = self._file, None
        where = "it" if file is None else file.path
        warnings.warn(
            f"the file that keeps identifiers cannot be used ({error}); remove {where} if it is damaged",
            CacheWarning,
            stacklevel=4,
        )
