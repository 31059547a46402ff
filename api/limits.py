"""How often somebody may call: a sliding window, counted in this process and shared through Redis.

A request costs some microseconds: what this process has counted is told to Redis once a second and holder, and what
the others have counted is read back with it, in one round trip. So several processes together may let through what
one second brings too much. Where that matters (logins) every attempt is told at once. Without Redis, or while it is
away, each process counts for itself: a limit must never be the reason for a 5xx.
"""

import ipaddress
import threading
import time
from dataclasses import dataclass
from typing import NamedTuple

import structlog
from flask import Flask, current_app, request
from redis import Redis, RedisError

from api.errors import Refused
from config.settings import Rate, Settings

log = structlog.get_logger()

TELL_EVERY = 1.0  # seconds
QUIET_SECONDS = 5.0  # a Redis that hangs is left alone for so long
MOST_KEPT = 20_000  # counters in one process; strangers make one for every address that they come from
PREFIX = "comptoir:rate:"


@dataclass(slots=True)
class Counter:
    """What is known of one window and the one before."""

    window: int
    others: float = 0  # counted by all processes when we last asked, with what we had told them
    own: int = 0  # counted here and not told yet
    before: float = 0  # counted in the window before
    told_at: float = 0

    @property
    def count(self) -> float:
        return self.others + self.own


class Standing(NamedTuple):
    """How somebody stands with their limit."""

    rate: Rate
    remaining: int
    reset: int  # seconds until the window ends
    is_over: bool


class Limits:
    """All counters of this process."""

    def __init__(self, redis_url: str | None) -> None:
        self._redis = Redis.from_url(redis_url, socket_connect_timeout=0.25, socket_timeout=0.25) if redis_url else None
        self._counters: dict[str, Counter] = {}
        self._lock = threading.Lock()
        self._quiet_until = 0.0

    def hit(self, key: str, rate: Rate, *, exactly: bool = False, by: int = 1) -> Standing:
        """Count one more and say how they stand. `exactly`: every process knows of it at once."""
        now = time.time()
        window, into = divmod(now, rate.seconds)
        with self._lock:
            counter = self._counter(key, int(window))
            used = self._used(counter, into, rate)
            is_over = by > 0 and used + by > rate.amount
            if not is_over:
                counter.own += by
            asks = self._redis is not None and (exactly or now - counter.told_at >= TELL_EVERY)
        if asks and self._share(key, counter, rate, now) and exactly:
            used = self._used(counter, into, rate) - (0 if is_over else by)
            is_over = is_over or used + by > rate.amount
        remaining = 0 if is_over else max(0, int(rate.amount - used - by))
        return Standing(rate, remaining, max(1, int(rate.seconds - into + 0.999)), is_over)

    def give_back(self, key: str, rate: Rate) -> None:
        """Take back one that was counted: it was none of those that are limited."""
        self.hit(key, rate, exactly=True, by=-1)

    def _counter(self, key: str, window: int) -> Counter:
        counter = self._counters.get(key)
        if counter is None:
            if len(self._counters) >= MOST_KEPT:
                self._forget()
            counter = self._counters[key] = Counter(window)
        elif counter.window != window:
            before = counter.count if counter.window == window - 1 else 0
            counter = self._counters[key] = Counter(window, before=before)
        return counter

    def _forget(self) -> None:
        # The oldest half: a dict keeps the order in which they came.
        for key in list(self._counters)[: MOST_KEPT // 2]:
            del self._counters[key]

    @staticmethod
    def _used(counter: Counter, into: float, rate: Rate) -> float:
        # As if the window before had been evenly filled: no double ration at the turn of a window.
        return counter.count + counter.before * (1 - into / rate.seconds)

    def _share(self, key: str, counter: Counter, rate: Rate, now: float) -> bool:
        if self._redis is None or time.monotonic() < self._quiet_until:
            return False
        with self._lock:
            telling, counter.own = counter.own, 0
            counter.others += telling
            counter.told_at = now
        name = f"{PREFIX}{key}:{counter.window}"
        try:
            pipe = self._redis.pipeline(transaction=False)
            pipe.incrby(name, telling)
            pipe.expire(name, 2 * rate.seconds + 1)
            pipe.get(f"{PREFIX}{key}:{counter.window - 1}")
            total, _, before = pipe.execute()
        except RedisError as error:
            self._quiet_until = time.monotonic() + QUIET_SECONDS
            log.warning("limits not shared", error=type(error).__name__)
            return False
        with self._lock:
            counter.others = max(0, int(total))
            counter.before = max(counter.before, float(before or 0))
        return True


def connect_limits(app: Flask, settings: Settings) -> None:
    """Attach the counters; nothing is asked of Redis yet."""
    app.extensions["comptoir.limits"] = Limits(settings.redis_url)


def limits() -> Limits:
    """Return the application's counters."""
    found: Limits = current_app.extensions["comptoir.limits"]
    return found


def calling_address() -> str:
    """Return where this request comes from, for counting: of IPv6 the network, where a host has addresses at will."""
    address = request.remote_addr or ""
    try:
        parsed = ipaddress.ip_address(address)
    except ValueError:
        return address
    if isinstance(parsed, ipaddress.IPv6Address):
        if parsed.ipv4_mapped is not None:
            return str(parsed.ipv4_mapped)
        return str(ipaddress.ip_network((parsed, 64), strict=False))
    return address


def over_limit(standing: Standing) -> Refused:
    """Return what to raise when somebody has called too often."""
    rate = standing.rate
    detail = f"too many: {rate.amount} in {rate.seconds} seconds is the limit; try again in {standing.reset} seconds"
    return Refused(429, "rate_limited", detail, retry_after=standing.reset)


def headers_of(name: str, standing: Standing) -> dict[str, str]:
    """Return the header fields that tell a caller how they stand (draft-ietf-httpapi-ratelimit-headers-10)."""
    rate = standing.rate
    return {
        "RateLimit-Policy": f'"{name}";q={rate.amount};w={rate.seconds}',
        "RateLimit": f'"{name}";r={standing.remaining};t={standing.reset}',
    }
