"""Which access tokens the v3 API accepts, and what each of them may do."""

import re
from collections.abc import Callable
from typing import Final

ALL_SCOPES: Final = frozenset({"account_read", "account_update", "contact_data", "campaign_data", "offline_access"})
Scopes = frozenset[str]
_BEARER = re.compile(r"Bearer +(\S+)", re.IGNORECASE)


class Access:
    """The access tokens of a server.

    Parameters
    ----------
    token
        One that never expires and may do everything; None accepts every token, unless it was revoked.
    """

    def __init__(self, token: str | None = None) -> None:
        self._open = token is None
        self._held: dict[str, Scopes] = {} if token is None else {token: ALL_SCOPES}
        self._revoked: set[str] = set()
        self._sources: list[Callable[[str], Scopes | None]] = []

    def __repr__(self) -> str:
        return f"Access({len(self._held)} held)"

    def allow(self, token: str, scopes: Scopes = ALL_SCOPES) -> None:
        """Accept a token from now on."""
        self._revoked.discard(token)
        self._held[token] = scopes

    def revoke(self, token: str) -> None:
        """Refuse a token from now on, as when it has expired."""
        self._held.pop(token, None)
        self._revoked.add(token)

    def add(self, source: Callable[[str], Scopes | None]) -> None:
        """Ask `source` too, at every call: it gives the scopes of a token, None for one that is not valid."""
        self._sources.append(source)

    def scopes(self, token: str) -> Scopes | None:
        """Scopes of a token; None where it is not, or no longer, valid."""
        if token in self._revoked:
            return None
        given = [self._held.get(token), *(source(token) for source in self._sources)]
        return next((scopes for scopes in given if scopes is not None), ALL_SCOPES if self._open else None)

    def of_header(self, authorization: str) -> Scopes | None:
        """Scopes of what an Authorization header holds; None where that is no valid token."""
        bearer = _BEARER.fullmatch(authorization.strip())
        return self.scopes(bearer[1]) if bearer else None
