"""Rate limits per IP address and per account, counted in Redis for all processes or in the memory of each process.

Responses have the headers `RateLimit-Policy` and `RateLimit` (draft-ietf-httpapi-ratelimit-headers-10). A request over
the limit gets 429 with `Retry-After`. If Redis is unavailable, each process counts in its own memory.
"""

import functools
import ipaddress
import math
import time
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import structlog
from fastapi import Depends, Request
from limits import RateLimitItem, parse
from limits.errors import StorageError
from limits.storage import MemoryStorage, storage_from_string
from limits.strategies import MovingWindowRateLimiter, RateLimiter

from conf.errors import RateLimited
from conf.settings import get_settings

log = structlog.get_logger(__name__)

RETRY_REDIS_S = 10
"""Seconds after which Redis is tried again once it has failed."""
ALL_ADDRESSES_FACTOR = 10
"""Factor for the limit of an account when requests from all addresses are counted together."""


@dataclass(frozen=True)
class Policy:
    """Rate limits in the syntax of the package `limits`, such as "100/minute".

    Set a high limit per address: all computers of a school may share one.
    """

    name: str
    address: str | None = None
    account: str | None = None


class _Counters:
    """Counters in Redis, or in the memory of this process while Redis is unavailable or not configured."""

    def __init__(self) -> None:
        url = get_settings().limits_url
        self._local = MovingWindowRateLimiter(MemoryStorage())
        self._shared: RateLimiter | None = None
        self._retry_redis_at = 0.0
        if url:
            self._shared = MovingWindowRateLimiter(
                storage_from_string(url, wrap_exceptions=True, socket_timeout=1, socket_connect_timeout=1)
            )

    def hit(self, item: RateLimitItem, *key: str) -> tuple[bool, int, float]:
        """Count a request. Return whether it is allowed, how many more are, and the Unix time of the window's end."""
        if self._shared is not None and time.monotonic() >= self._retry_redis_at:
            try:
                return self._count(self._shared, item, *key)
            except StorageError as error:
                self._retry_redis_at = time.monotonic() + RETRY_REDIS_S
                log.warning("Redis (LIMITS_URL) is unavailable; counting requests in each process", error=repr(error))
        return self._count(self._local, item, *key)

    def _count(self, limiter: RateLimiter, item: RateLimitItem, *key: str) -> tuple[bool, int, float]:
        allowed = limiter.hit(item, *key)
        window = limiter.get_window_stats(item, *key)
        return allowed, window.remaining, window.reset_time

    def reset(self) -> None:
        self._local.storage.reset()


@functools.cache
def counters() -> _Counters:
    return _Counters()


@functools.cache
def _item(amount: str, factor: float) -> RateLimitItem:
    """Return the limit `amount` multiplied by `factor`, at least 1."""
    item = parse(amount)
    return type(item)(max(1, round(item.amount * factor)), item.multiples, namespace="campus")


Identify = Callable[[Request], str | None]
"""Returns what identifies a known client, or None."""


@dataclass(frozen=True)
class AddressLimit:
    """The dependency of `by_address`. The route class calls it before it receives the body."""

    policy: Policy
    only_anonymous: bool = False
    known_client: Identify | None = None

    def __call__(self, request: Request) -> None:
        """Count the request. Raises: RateLimited."""
        if self.only_anonymous and "authorization" in request.headers:
            return
        client = self.known_client(request) if self.known_client is not None else None
        if client is not None and self.policy.account is not None:
            _hit(request, self.policy.name, "client", self.policy.account, client)
        else:
            count_address(request, self.policy)


def count_address(request: Request, policy: Policy) -> None:
    """Count the request against the caller's IP address, unless it has been counted already. Raises: RateLimited."""
    assert policy.address is not None
    _hit(request, policy.name, "address", policy.address, address_of(request))


def by_address(policy: Policy, *, only_anonymous: bool = False, known_client: Identify | None = None) -> Any:
    """Return a dependency that counts the request against the caller's IP address, before the body is received. It
    raises RateLimited.

    `only_anonymous`: requests with the header `Authorization` are not counted; count them by account. `known_client`:
    requests for which it returns a value are counted by that value, with the policy's limit for an account.
    """
    return Depends(AddressLimit(policy, only_anonymous, known_client))


def by_account(request: Request, policy: Policy, account: str) -> None:
    """Count the request against the account that it concerns, even if the account does not exist.

    The policy's limit applies to the requests from one address. For the requests from all addresses together it is
    ten times as high. So a caller with one address cannot lock others out of an account.

    Raises: RateLimited.
    """
    assert policy.account is not None
    _hit(request, policy.name, "account", policy.account, f"{account} {address_of(request)}")
    _hit(request, policy.name, "account-anywhere", policy.account, account, times=ALL_ADDRESSES_FACTOR)


def _hit(request: Request, name: str, kind: str, amount: str, client: str, *, times: int = 1) -> None:
    factor = get_settings().limits_factor * times
    if not factor:
        return
    counted = request.scope.setdefault("counted", set())
    if (name, kind, client) in counted:  # this is a retry after a deadlock
        return
    counted.add((name, kind, client))
    item = _item(amount, factor)
    allowed, remaining, reset_at = counters().hit(item, name, kind, client)
    wait_s = max(1, math.ceil(reset_at - time.time()))
    headers = request.scope.setdefault("always_headers", [])
    policy = f"{name}-{kind}"
    headers += [
        (b"ratelimit-policy", f'"{policy}";q={item.amount};w={item.get_expiry()}'.encode()),
        (b"ratelimit", f'"{policy}";r={max(0, remaining)};t={wait_s}'.encode()),
    ]
    if not allowed:
        raise RateLimited(f"Too many requests. Try again in {wait_s} seconds.", retry_after=wait_s)


def address_of(request: Request) -> str:
    """Return the caller's IP address. For IPv6, return the /64 network, which usually is one customer.

    Behind a proxy, the server reads the address from the proxy's headers if FORWARDED_ALLOW_IPS includes the proxy.
    """
    host = request.client.host if request.client else ""
    try:
        address = ipaddress.ip_address(host)
    except ValueError:
        return host or "unknown"
    if isinstance(address, ipaddress.IPv6Address) and address.ipv4_mapped is None:
        return str(ipaddress.ip_network((address, 64), strict=False).network_address)
    return str(getattr(address, "ipv4_mapped", None) or address)
