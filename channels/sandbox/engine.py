"""What drives the exchange: things fall due one after the other, and requests to the desk are carried out.

Either a test steps it (`run_for`: everything in order, in the caller's thread, no sleeping), or a thread of its own
lets it go with the clock and a few more carry the requests. The state behind it is guarded by one lock, which nobody
holds while a request is under way: the desk may well ask something back before it answers.
"""

import threading
from collections import deque
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from datetime import datetime, timedelta

import structlog

from channels.sandbox.clock import FASTEST, Appointment, Clock, Schedule
from channels.sandbox.courier import Courier, Errand, Request, Response

log = structlog.get_logger()

CARRIERS = 24  # requests under way at once
LONGEST_SLEEP = 1.0


class Engine:
    """A clock, what falls due by it, and the errands to the desk."""

    def __init__(self, courier: Courier, *, speed: float, began: datetime | None = None) -> None:
        self.courier = courier
        self.clock = Clock(speed=speed, began=began)
        self.lock = threading.RLock()
        self._changed = threading.Condition(self.lock)
        self._schedule = Schedule()
        self._errands: deque[Errand] = deque()
        self._lanes: dict[str, deque[Errand]] = {}  # errands that wait for another one of their lane
        self._under_way = 0
        self._thread: threading.Thread | None = None
        self._carriers: ThreadPoolExecutor | None = None
        self._closed = False

    def now(self) -> datetime:
        return self.clock.now()

    def at(self, moment: datetime, action: Callable[[], None]) -> Appointment:
        """Have something done at a moment."""
        with self.lock:
            appointment = self._schedule.enter(moment, action)
            self._wake()
            return appointment

    def after(self, seconds: float, action: Callable[[], None]) -> Appointment:
        return self.at(self.now() + timedelta(seconds=seconds), action)

    def send(self, request: Request, done: Callable[[Response], None], *, lane: str) -> None:
        """Have a request carried to the desk; of one lane, one goes after the other."""
        errand = Errand(request, done, lane)
        with self.lock:
            if lane and lane in self._lanes:
                self._lanes[lane].append(errand)
            else:
                if lane:
                    self._lanes[lane] = deque()
                self._errands.append(errand)
            self._wake()

    def run_for(self, seconds: float) -> None:
        """Let everything happen that is due within so many seconds of the exchange's time, and be there then."""
        until = self.now() + timedelta(seconds=seconds)
        while True:
            with self.lock:
                errand = self._errands.popleft() if self._errands else None
                if errand is None:
                    if self._under_way:  # by a carrier of the thread's
                        self._changed.wait(LONGEST_SLEEP)
                        continue
                    appointment = self._schedule.pop_due(until)
                    if appointment is None:
                        self.clock.step_to(until)
                        return
                    self.clock.step_to(appointment.moment)
                    self._do(appointment)
                    continue
                self._under_way += 1
            self._carry(errand)

    def run_at(self, speed: float) -> None:
        """Go on at another speed; nought stands still. Raises ValueError."""
        if not 0 <= speed <= FASTEST:
            raise ValueError(f"a speed is from 0 to {FASTEST:.0f}")
        with self.lock:
            self.clock.run_at(speed)
            self._wake()

    def close(self) -> None:
        """Go no further. What is under way is waited for."""
        with self.lock:
            self._closed = True
            thread, self._thread = self._thread, None
            self._changed.notify_all()
        if thread is not None:
            thread.join()
        if self._carriers is not None:
            self._carriers.shutdown(wait=True)

    def wait_for(self, is_so: Callable[[], bool], *, seconds: float) -> bool:
        """Wait, in real time, until something is so; say whether it is. For those who ask from other threads."""
        with self.lock:
            return self._changed.wait_for(is_so, timeout=seconds)

    def changed(self) -> None:
        """Wake whoever waits for something to be so."""
        with self.lock:
            self._changed.notify_all()

    def _wake(self) -> None:
        """Have the thread look again; it is started when there is something to do and time goes by itself."""
        if self._thread is None and self.clock.speed and not self._closed:
            self._carriers = ThreadPoolExecutor(CARRIERS, thread_name_prefix="sandbox errand")
            self._thread = threading.Thread(target=self._run, name="sandbox exchange", daemon=True)
            self._thread.start()
        self._changed.notify_all()

    def _run(self) -> None:
        while True:
            with self.lock:
                if self._closed:
                    return
                errands = self._due_errands()
                if not errands:
                    self._changed.wait(self._sleep())
                    continue
                self._under_way += len(errands)
            for errand in errands:
                if self._carriers is not None:
                    self._carriers.submit(self._carry, errand)

    def _due_errands(self) -> list[Errand]:
        while self.clock.speed and (appointment := self._schedule.pop_due(self.now())) is not None:
            self._do(appointment)
        errands = list(self._errands)
        self._errands.clear()
        return errands if self.clock.speed else self._put_back(errands)

    def _put_back(self, errands: list[Errand]) -> list[Errand]:
        """Leave the errands to whoever steps the clock that stands still."""
        self._errands.extend(errands)
        return []

    def _sleep(self) -> float:
        moment = self._schedule.next_moment()
        if moment is None:
            return LONGEST_SLEEP
        return min(LONGEST_SLEEP, self.clock.real_seconds_until(moment))

    @staticmethod
    def _do(appointment: Appointment) -> None:
        try:
            appointment.action()
        except Exception:
            # A bug in one call's program must not stop everybody else's.
            log.exception("sandbox program failed")

    def _carry(self, errand: Errand) -> None:
        answer = self.courier.carry(errand.request)
        with self.lock:
            try:
                errand.done(answer)
            except Exception:
                log.exception("sandbox program failed")
            finally:
                self._under_way -= 1
                self._next_of(errand.lane)
                self._changed.notify_all()

    def _next_of(self, lane: str) -> None:
        waiting = self._lanes.get(lane)
        if waiting is None:
            return
        if waiting:
            self._errands.append(waiting.popleft())
        else:
            del self._lanes[lane]
