"""How often somebody may ask: counted per address and per account, in Redis for all processes or in each for itself.

Answers bear `RateLimit-Policy` and `RateLimit` (draft-ietf-httpapi-ratelimit-headers-10); past the limit they are 429
with `Retry-After`. A Redis that is away is no outage: the process counts for itself meanwhile.
"""

import functools
import ipaddress
import math
import time
from dataclasses import dataclass
from typing import Any

import structlog
from fastapi import Depends, Request
from limits import RateLimitItem, parse
from limits.errors import StorageError
from limits.storage import MemoryStorage, storage_from_string
from limits.strategies import MovingWindowRateLimiter, RateLimiter

from conf.errors import TooMany
from conf.settings import get_settings

log = structlog.get_logger(__name__)

RETRY_REDIS_S = 10
EVERYWHERE = 10


@dataclass(frozen=True)
class Policy:
    """`address` and `account` as `limits` reads them: "100/minute". A school shares an address: be generous there."""

    name: str
    address: str
    account: str


class _Counters:
    """Redis while it answers, this process's memory otherwise."""

    def __init__(self) -> None:
        url = get_settings().limits_url
        self._own = MovingWindowRateLimiter(MemoryStorage())
        self._shared: RateLimiter | None = None
        self._shared_from = 0.0
        if url:
            self._shared = MovingWindowRateLimiter(
                storage_from_string(url, wrap_exceptions=True, socket_timeout=1, socket_connect_timeout=1)
            )

    def hit(self, item: RateLimitItem, *key: str) -> tuple[bool, int, float]:
        """Whether this one is allowed; how many more are; when the window ends, as a Unix time."""
        if self._shared is not None and time.monotonic() >= self._shared_from:
            try:
                return self._ask(self._shared, item, *key)
            except StorageError as error:
                self._shared_from = time.monotonic() + RETRY_REDIS_S
                log.warning("LIMITS_URL does not answer; each process counts for itself", error=repr(error))
        return self._ask(self._own, item, *key)

    def _ask(self, limiter: RateLimiter, item: RateLimitItem, *key: str) -> tuple[bool, int, float]:
        allowed = limiter.hit(item, *key)
        window = limiter.get_window_stats(item, *key)
        return allowed, window.remaining, window.reset_time

    def reset(self) -> None:
        self._own.storage.reset()


@functools.cache
def counters() -> _Counters:
    return _Counters()


@functools.cache
def _item(amount: str, factor: float) -> RateLimitItem:
    """The limit, times the operator's factor."""
    item = parse(amount)
    return type(item)(max(1, round(item.amount * factor)), item.multiples, namespace="campus")


def by_address(policy: Policy) -> Any:
    """A dependency: count the request against its address. TooMany."""

    def limit(request: Request) -> None:
        _hit(request, policy.name, "address", policy.address, address_of(request))

    return Depends(limit)


def by_account(request: Request, policy: Policy, account: str) -> None:
    """Count the request against the account it is about, whether there is one or not. TooMany.

    From one address so many, from all together ten times as many: nobody locks another out by failing on purpose.
    """
    _hit(request, policy.name, "account", policy.account, f"{account} {address_of(request)}")
    _hit(request, policy.name, "account-anywhere", policy.account, account, times=EVERYWHERE)


def count(request: Request, policy: Policy, *, account: str | None) -> None:
    """Count the request against its address, and against the account it is about. TooMany."""
    _hit(request, policy.name, "address", policy.address, address_of(request))
    if account is not None:
        by_account(request, policy, account)


def _hit(request: Request, name: str, kind: str, amount: str, who: str, *, times: int = 1) -> None:
    factor = get_settings().limits_factor * times
    if not factor:
        return
    counted = request.scope.setdefault("counted", set())
    if (name, kind, who) in counted:  # the request is repeated after a deadlock
        return
    counted.add((name, kind, who))
    item = _item(amount, factor)
    allowed, remaining, reset_at = counters().hit(item, name, kind, who)
    wait_s = max(1, math.ceil(reset_at - time.time()))
    headers = request.scope.setdefault("always_headers", [])
    policy = f"{name}-{kind}"
    headers += [
        (b"ratelimit-policy", f'"{policy}";q={item.amount};w={item.get_expiry()}'.encode()),
        (b"ratelimit", f'"{policy}";r={max(0, remaining)};t={wait_s}'.encode()),
    ]
    if not allowed:
        raise TooMany("That was too often. Try again later.", retry_after=wait_s)


def address_of(request: Request) -> str:
    """Who asks, by address: of IPv6 the network of 64 bits, which is one customer. Behind a proxy it is what
    FORWARDED_ALLOW_IPS lets through."""
    host = request.client.host if request.client else ""
    try:
        address = ipaddress.ip_address(host)
    except ValueError:
        return host or "unknown"
    if isinstance(address, ipaddress.IPv6Address) and address.ipv4_mapped is None:
        return str(ipaddress.ip_network((address, 64), strict=False).network_address)
    return str(getattr(address, "ipv4_mapped", None) or address)
