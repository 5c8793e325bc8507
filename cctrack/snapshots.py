"""Freezing what the cache holds into a file, and opening such a file."""

import os
from pathlib import Path

from cctrack.api import session as sessions
from cctrack.api import snapshot
from cctrack.api.privacy import Mask
from cctrack.connecting import current
from cctrack.inputs import flag


def freeze(path: str | os.PathLike[str], *, mask_emails: bool = False, session: sessions.Session | None = None) -> Path:
    """Write all reports that the cache of an account holds into one file.

    A colleague opens it with `cctrack.open_snapshot` and reruns the notebook to the same figures, without credentials
    and without the network.

    Parameters
    ----------
    path
        The file, such as "q3.zip"; one that is there is replaced when the new one is complete.
    mask_emails
        Put pseudonyms in the place of e-mail addresses, wherever they stand, and leave names, telephone numbers and
        postal addresses of contacts empty. Addresses of one host keep a common one; the pseudonyms are others in each
        snapshot.
    session
        Whose cache; None takes the current session's.

    Returns
    -------
    pathlib.Path
        The file. It holds personal data unless it is masked; it holds no credentials.

    Raises
    ------
    CacheMissError
        When the cache holds nothing yet.
    OSError
        When the file cannot be written.
    """
    where = snapshot.checked_path(path)
    hidden = flag(mask_emails, "mask_emails")
    session = current(session)
    return session.freeze(where, Mask(session.personal) if hidden else None)


def open_snapshot(path: str | os.PathLike[str]) -> sessions.Session:
    """Connect to a snapshot; the session becomes the default one.

    Opening a stranger's file runs nothing in it and writes nothing to disk.

    Parameters
    ----------
    path
        A file that `cctrack.freeze` wrote.

    Returns
    -------
    Session
        It answers what the file holds, however old, and raises `CacheMissError` for all else.

    Raises
    ------
    ResponseError
        When the file is no snapshot.
    OSError
        When it cannot be read.
    """
    return sessions.made_default(sessions.of_snapshot(snapshot.Snapshot(snapshot.checked_path(path))))
