"""Huey as doorbell and thread pool: its messages say where to look, our rows say what to do.

Huey deletes a message before running it and knows no acknowledgement (huey #418, #559), so nothing depends on a
message: a lost one is rung again by the sweep, one that comes twice finds nothing to claim.
"""

import json
import logging
import threading
import time
from pathlib import Path

from gateway import lean

with lean.without("redis", "psycopg", "gevent"):
    import huey.storage
    from huey import Huey, RedisHuey
    from huey.consumer import Consumer, Scheduler
    from huey.registry import Message
    from huey.serializer import Serializer
    from huey.storage import SqliteStorage

from gateway.sqlite_library import sqlite3

huey.storage.sqlite3 = sqlite3  # Two SQLite libraries must never open the same file.

log = logging.getLogger("gateway.jobs")

SWEEP_S = 0.25  # how late a row may be noticed whose time has come without anybody ringing
DEQUEUE_WAIT_S = 0.5
STOP_TIMEOUT_S = 8
HEALTH_CHECK_S = 10


class JsonSerializer(Serializer):
    """Messages as JSON: pickles in a writable file would be code execution."""

    def _serialize(self, data) -> bytes:
        return json.dumps(list(data)).encode()

    def _deserialize(self, data) -> Message:
        return Message(*json.loads(bytes(data)))


class WakingStorage(SqliteStorage):
    """Huey's SQLite storage, except that an idle worker wakes when a message comes instead of polling for it."""

    blocking = True
    integrity_error = sqlite3.IntegrityError
    operational_error = sqlite3.OperationalError

    def __init__(self, *args, **kwargs):
        self._message = threading.Condition()
        super().__init__(*args, **kwargs)

    def enqueue(self, data, priority=None):
        super().enqueue(data, priority)
        with self._message:
            self._message.notify()

    def dequeue(self):
        with self._message:
            found = super().dequeue()
            if found is None:
                self._message.wait(DEQUEUE_WAIT_S)
                found = super().dequeue()
            return found

    def wake_all(self) -> None:
        with self._message:
            self._message.notify_all()


def _is_news(record: logging.LogRecord) -> bool:
    """Each worker says several times a second that Redis is away, with a traceback; the lane says it once."""
    return record.msg != "Error reading from queue"


logging.getLogger("huey.consumer.Worker").addFilter(_is_news)


class NoScheduler(Scheduler):
    """Schedules nothing: what is due later is a row with `due_at`."""

    def loop(self, now=None):
        self.stop_flag.wait()


class QuietConsumer(Consumer):
    """A consumer inside somebody else's process: the signals are not its own."""

    scheduler_class = NoScheduler

    def _set_signal_handlers(self):
        pass


def open_huey(name: str, url: str) -> Huey:
    """The queue behind a URL; the only place that looks at its scheme."""
    if not url.startswith("sqlite:///"):
        _give_huey_redis()
        return RedisHuey(name, url=url, results=False, serializer=JsonSerializer(), read_timeout=1)
    path = Path(url.removeprefix("sqlite:///"))
    try:
        return _open_sqlite(name, path)
    except sqlite3.DatabaseError as error:
        log.warning("%s is damaged (%s) and expendable: starting a new one", path, error)
        for suffix in ("", "-wal", "-shm"):
            Path(f"{path}{suffix}").unlink(missing_ok=True)
        return _open_sqlite(name, path)


def _give_huey_redis() -> None:
    """What Huey does itself at import where redis is not hidden from it. Safe to run twice."""
    import redis

    huey.storage.ConnectionPool, huey.storage.Redis = redis.ConnectionPool, redis.Redis
    huey.storage.RedisStorage.redis_client = redis.Redis
    huey.storage.ConnectionError, huey.storage.TimeoutError = redis.ConnectionError, redis.TimeoutError


def _open_sqlite(name: str, path: Path) -> Huey:
    path.touch(mode=0o600)
    return Huey(
        name, results=False, serializer=JsonSerializer(), storage_class=WakingStorage, filename=str(path),
        fsync=False, cache_mb=1,
    )


class Lane:
    """One queue with its own threads, so that one kind of work cannot hold up another."""

    def __init__(self, name: str, url: str, workers: int, tasks: dict):
        self.name = name
        self._huey = open_huey(f"gateway.{name}", url)
        self._huey.dequeue = self._noticing(self._huey.dequeue)
        self._rung: set[str] = set()
        self._looking: set[str] = set()
        self._again: set[str] = set()
        self.trouble: str | None = None
        self._tasks = {task: self._huey.task(name=task)(self._answering(task, work)) for task, work in tasks.items()}
        self._consumer = QuietConsumer(self._huey, workers=workers, periodic=False, shutdown_timeout=STOP_TIMEOUT_S)

    def _answering(self, task: str, work):
        """One thread at a time looks; what is rung meanwhile makes it look once more instead of sending a message."""

        def run():
            self._rung.discard(task)
            if task in self._looking:
                return self._again.add(task)
            self._looking.add(task)
            try:
                self._again.add(task)
                while task in self._again:
                    self._again.discard(task)
                    work()
            except Exception:
                log.exception("%s failed; the sweep will look again", task)
            finally:
                self._looking.discard(task)

        return run

    @property
    def tasks(self):
        return self._tasks.keys()

    def ring(self, task: str) -> None:
        """Puts a message on the queue, unless one is waiting already or a thread is looking anyway."""
        if task in self._looking:
            return self._again.add(task)
        if task in self._rung:
            return None
        self._rung.add(task)
        try:
            self._noticing(self._tasks[task])()
        except Exception:
            self._rung.discard(task)

    def _noticing(self, call):
        """The same call, noting whether the queue can be reached and logging the first time that it cannot."""

        def noticed():
            try:
                result = call()
            except Exception as error:
                if not self.trouble:
                    log.error("cannot reach the queue, and will try again: %s", error)
                self.trouble = f"cannot be reached: {type(error).__name__}"
                raise
            self.trouble = None
            return result

        return noticed

    def doubt(self) -> None:
        """Forgets what was rung: on Redis another node may have taken the message, or a flush may have lost it."""
        self._rung.clear()

    def start(self) -> None:
        self._consumer.start()

    def stop(self) -> None:
        self._consumer.stop_flag.set()
        if isinstance(self._huey.storage, WakingStorage):
            self._huey.storage.wake_all()
        self._consumer.stop(graceful=True)

    def check(self) -> None:
        """Replaces workers that have died."""
        self._consumer.check_worker_health()


class Jobs:
    """All lanes, and the thread that rings them: at once when the domain says so, and whenever rows have come due."""

    def __init__(self, lanes: list[Lane], due, intervals: dict[str, float] | None = None):
        """`due()` names the tasks for which rows are due; `intervals` are tasks to ring every so many seconds."""
        self._lane_of = {task: lane for lane in lanes for task in lane.tasks}
        self._lanes = lanes
        self._due = due
        self._intervals = dict(intervals or {})
        self._next = {task: time.monotonic() for task in self._intervals}
        self._asked = dict.fromkeys(self._lane_of, False)
        self._bell = threading.Event()
        self._stopped = False
        self._ringer = threading.Thread(target=self._ring_forever, name="ringer", daemon=True)

    def start(self) -> None:
        for lane in self._lanes:
            lane.start()
        self._ringer.start()

    def stop(self) -> None:
        """Lets running tasks finish, for a bounded time; what they had claimed is claimed again after the start."""
        self._stopped = True
        self._bell.set()
        self._ringer.join(STOP_TIMEOUT_S)
        for lane in self._lanes:
            lane.stop()

    def ring(self, task: str) -> None:
        """Says that rows may be due. Costs nothing, never raises: the ringer's thread does the rest."""
        self._asked[task] = True
        self._bell.set()

    @property
    def trouble(self) -> str | None:
        """Why messages do not get through, if they do not."""
        return next((lane.trouble for lane in self._lanes if lane.trouble), None)

    @property
    def running(self) -> bool:
        return self._ringer.is_alive() and not self._stopped

    def _ring_forever(self) -> None:
        swept = checked = 0.0
        while not self._stopped:
            self._bell.wait(SWEEP_S)
            self._bell.clear()
            asked = self._answered_now()
            now = time.monotonic()
            if now - swept >= SWEEP_S:
                swept = now
                asked |= self._sweep(now)
            if now - checked >= HEALTH_CHECK_S:
                checked = now
                self._check()
            for task in asked:
                self._lane_of[task].ring(task)

    def _answered_now(self) -> set[str]:
        """What was asked for since the last look; the flags are fixed, so that no thread meets a changing set."""
        asked = {task for task, is_asked in list(self._asked.items()) if is_asked}
        for task in asked:
            self._asked[task] = False
        return asked

    def _sweep(self, now: float) -> set[str]:
        for lane in self._lanes:
            lane.doubt()
        regular = {task for task, at in self._next.items() if at <= now}
        self._next |= {task: now + self._intervals[task] for task in regular}
        try:
            return regular | set(self._due())
        except Exception as error:
            log.warning("cannot see what is due: %s", error)
            return regular

    def _check(self) -> None:
        for lane in self._lanes:
            lane.check()
