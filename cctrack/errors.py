"""The error family: what can go wrong, and which of it may be tried again.

::

    CctrackError
    ├── ConfigError (also ValueError)      a setting is missing, misspelled or out of range
    ├── NotOfferedError (also ValueError)  this API dialect has no such report
    ├── AuthError                          401; 403 that is not throttling; an inactive key
    ├── NotFoundError                      404: no such contact, campaign or list
    ├── ApiGoneError                       410: the API has been switched off
    ├── RateLimitError                     429, or a 403 that says "over limit"
    ├── ServiceError                       5xx that lasted through every try
    ├── NetworkError                       no answer, or one that broke off
    ├── ResponseError                      an answer that is not a report, or a broken chain of pages
    ├── CacheMissError                     offline, and not on disk
    └── EngineError                        a data-frame engine cannot do what was asked

    UserWarning
    ├── IncompleteWarning                  the report kept changing while it was read
    ├── RepairWarning                      fields that were missing or malformed are NA
    ├── CacheWarning                       the cache folder cannot be used as it should
    └── ClockWarning                       the clocks of the reports disagree: delays do not hold
"""


class CctrackError(Exception):
    """Base of every error that cctrack raises on purpose.

    Attributes
    ----------
    status : int or None
        HTTP status, where an answer was had.
    error_key : str or None
        The service's own name for the error.
    retryable : bool
        Whether the same call may succeed later.
    retry_after : float or None
        Seconds to wait before that, where known.
    url : str or None
        The address asked, without secrets.
    """

    def __init__(
        self,
        message: str,
        *,
        status: int | None = None,
        error_key: str | None = None,
        retryable: bool = False,
        retry_after: float | None = None,
        url: str | None = None,
    ) -> None:
        super().__init__(message)
        self.status = status
        self.error_key = error_key
        self.retryable = retryable
        self.retry_after = retry_after
        self.url = url


class ConfigError(CctrackError, ValueError):
    """A setting is missing, misspelled or out of range."""


class NotOfferedError(CctrackError, ValueError):
    """The API dialect of this session has no such report."""


class AuthError(CctrackError):
    """The service does not accept the credentials, or they may not do this."""


class NotFoundError(CctrackError):
    """The service knows no such contact, campaign or list."""


class ApiGoneError(CctrackError):
    """The service says that this API has been switched off."""


class RateLimitError(CctrackError):
    """Too many calls.

    Attributes
    ----------
    daily : bool
        True when the day's quota is used up, False for a burst.
    """

    def __init__(
        self,
        message: str,
        *,
        daily: bool = False,
        status: int | None = None,
        error_key: str | None = None,
        retryable: bool = False,
        retry_after: float | None = None,
        url: str | None = None,
    ) -> None:
        super().__init__(
            message, status=status, error_key=error_key, retryable=retryable, retry_after=retry_after, url=url
        )
        self.daily = daily


class ServiceError(CctrackError):
    """The service failed (5xx) and went on failing through every try."""


class NetworkError(CctrackError):
    """No answer came, or it broke off, through every try."""


class ResponseError(CctrackError):
    """The answer is not a report: not JSON, of the wrong shape, or a broken chain of pages."""


class CacheMissError(CctrackError):
    """The session is offline and the report is not on disk."""


class EngineError(CctrackError):
    """A data-frame engine cannot do what was asked of it."""


class IncompleteWarning(UserWarning):
    """A report kept changing while it was read: rows may be missing or repeated."""


class RepairWarning(UserWarning):
    """Fields that were missing or malformed became NA; their rows were kept."""


class CacheWarning(UserWarning):
    """The cache folder cannot be used as it should; reports are kept in memory."""


class ClockWarning(UserWarning):
    """The clocks of the reports disagree, so that the time from one event to another does not hold."""
