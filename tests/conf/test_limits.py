"""Rate limits: counted in Redis by two processes, or in each process while Redis is unavailable."""

import contextlib
from collections.abc import Iterator

import pytest
import redis
from starlette.requests import Request

from conf.errors import RateLimited
from conf.http import limits
from conf.http.limits import Policy, address_of, by_account
from conf.settings import Settings, get_settings

URL = "redis://127.0.0.1:6379/9"
POLICY = Policy("test", address="100/minute", account="3/minute")


def request(host: str | None = "192.0.2.1") -> Request:
    return Request({"type": "http", "headers": [], "client": (host, 1) if host else None})


@pytest.fixture
def use(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    yield
    limits.counters.cache_clear()


def two_processes(monkeypatch: pytest.MonkeyPatch, settings: Settings) -> list[limits._Counters]:
    monkeypatch.setattr(limits, "get_settings", lambda: settings)
    return [limits._Counters(), limits._Counters()]


def allowed(counters: limits._Counters, monkeypatch: pytest.MonkeyPatch, account: str, times: int) -> int:
    monkeypatch.setattr(limits, "counters", lambda: counters)
    passed = 0
    for _ in range(times):
        with contextlib.suppress(RateLimited):
            by_account(request(), POLICY, account)
            passed += 1
    return passed


def test_processes_share_the_counters_in_redis(monkeypatch: pytest.MonkeyPatch) -> None:
    try:
        redis.Redis.from_url(URL).flushdb()
    except redis.ConnectionError:
        pytest.skip("no Redis on 127.0.0.1:6379")
    one, other = two_processes(monkeypatch, get_settings().model_copy(update={"limits_url": URL}))
    assert [allowed(one, monkeypatch, "ada", 2), allowed(other, monkeypatch, "ada", 5)] == [2, 1]


def test_processes_count_alone_while_redis_is_unavailable(monkeypatch: pytest.MonkeyPatch) -> None:
    settings = get_settings().model_copy(update={"limits_url": "redis://127.0.0.1:1/0"})
    one, other = two_processes(monkeypatch, settings)
    assert [allowed(one, monkeypatch, "ada", 5), allowed(other, monkeypatch, "ada", 5)] == [3, 3]


@pytest.mark.parametrize(("factor", "passed"), [(0, 50), (0.1, 1), (4, 12)])
def test_limits_factor_multiplies_the_limits(monkeypatch: pytest.MonkeyPatch, factor: float, passed: int) -> None:
    one, _ = two_processes(monkeypatch, get_settings().model_copy(update={"limits_factor": factor}))
    assert allowed(one, monkeypatch, "ada", 50) == passed


@pytest.mark.parametrize(
    ("host", "address"),
    [
        ("192.0.2.1", "192.0.2.1"),
        ("::ffff:192.0.2.1", "192.0.2.1"),
        ("2001:db8:1:2:3:4:5:6", "2001:db8:1:2::"),
        ("testclient", "testclient"),
        (None, "unknown"),
    ],
)
def test_an_ipv6_address_is_limited_by_its_network(host: str | None, address: str) -> None:
    assert address_of(request(host)) == address
