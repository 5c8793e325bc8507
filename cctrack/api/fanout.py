"""Many ids at once: threads that share one limiter, results in the order of the ids."""

import threading
from collections import deque
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import Future, ThreadPoolExecutor, wait
from contextvars import copy_context
from typing import TypeVar

_WORKERS = 4  # more gain nothing at four calls a second, unless an answer takes over a second
_PATIENCE = 5.0  # seconds for pages under way when another id has failed
_AHEAD = 4 * _WORKERS  # finished ones that wait for an earlier one to be taken

Task = TypeVar("Task")
Result = TypeVar("Result")


def each(work: Callable[[Task], Result], tasks: Sequence[Task]) -> Iterator[Result]:
    """Do the work for each task, a few at a time.

    When one fails, or the caller stops, those under way stop at their next page; what they had kept stays kept.

    Parameters
    ----------
    work
        Called in a thread with a copy of the caller's context.
    tasks
        In the order in which the results are wanted.

    Yields
    ------
    Result
        Of each task, in order.
    """
    if len(tasks) < 2:
        yield from map(work, tasks)
        return
    pool = ThreadPoolExecutor(_WORKERS, thread_name_prefix="cctrack")
    waiting: deque[Future[Result]] = deque()
    remaining = iter(tasks)
    stop = threading.Event()
    failed = False

    def unless_stopped(task: Task) -> Result:
        _stopped.event = stop
        return work(task)

    def submit() -> None:
        for task in remaining:
            waiting.append(pool.submit(copy_context().run, unless_stopped, task))
            return

    try:
        for _ in range(_AHEAD):
            submit()
        while waiting:
            result = waiting[0].result()
            waiting.popleft()
            submit()
            yield result
    except Exception:
        failed = True
        raise
    finally:
        stop.set()
        pool.shutdown(wait=False, cancel_futures=True)
        if failed:  # pages that are on their way come in and are kept; an interrupt does not wait for them
            wait([future for future in waiting if not future.cancelled()], _PATIENCE)


class Stopped(BaseException):
    """Ends a thread whose result nobody waits for; never leaves this package."""


_stopped = threading.local()


def check_stopped() -> None:
    """End this thread's work if its result is not wanted any more."""
    event: threading.Event | None = getattr(_stopped, "event", None)
    if event is not None and event.is_set():
        raise Stopped
