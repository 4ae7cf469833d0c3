"""API calls against an account's rates, and how fast its time passes."""

from __future__ import annotations

import pytest

from emulator.account.plan import Rate
from emulator.account.rates import RateLimiter
from emulator.clock import Clock


class Watch:
    """A clock that is set by hand."""

    def __init__(self) -> None:
        self.now = 100.0

    def __call__(self) -> float:
        return self.now


def test_aws_seconds_are_shorter_by_the_scale() -> None:
    clock = Clock(30)
    assert clock.real_seconds(300) == 10
    assert clock.aws_seconds(10) == 300
    assert Clock().real_seconds(7) == 7


@pytest.mark.parametrize("scale", [0.5, 0.0, -1.0, float("nan")])
def test_time_never_passes_slower_than_on_aws(scale: float) -> None:
    with pytest.raises(ValueError, match="at least 1"):
        Clock(scale)


def test_a_burst_is_admitted_and_then_one_call_per_token() -> None:
    watch = Watch()
    limiter = RateLimiter([Rate(action="CreateTrainingJob", per_second=2, burst=3)], Clock(), watch)

    def admitted(count: int) -> int:
        return sum(limiter.admits("CreateTrainingJob", "us-east-1") for _ in range(count))

    assert admitted(5) == 3
    watch.now += 0.5
    assert admitted(5) == 1
    watch.now += 0.25
    assert admitted(5) == 0
    watch.now += 0.25
    assert admitted(5) == 1
    watch.now += 1000
    assert admitted(5) == 3


def test_tokens_come_by_the_accounts_clock() -> None:
    watch = Watch()
    limiter = RateLimiter([Rate(action="CreateTrainingJob", per_second=1)], Clock(128), watch)
    assert limiter.admits("CreateTrainingJob", "us-east-1")
    watch.now += 1 / 256
    assert not limiter.admits("CreateTrainingJob", "us-east-1")
    watch.now += 1 / 256
    assert limiter.admits("CreateTrainingJob", "us-east-1")


def test_each_region_and_action_has_a_bucket_and_a_pattern_one_for_all_it_matches() -> None:
    limiter = RateLimiter(
        [Rate(action="CreateModel", per_second=1), Rate(action="Describe*", per_second=1)], Clock(), Watch()
    )
    calls = [
        ("CreateModel", "us-east-1"),
        ("CreateModel", "eu-west-1"),
        ("CreateModel", "us-east-1"),
        ("DescribeTrainingJob", "us-east-1"),
        ("DescribeModel", "us-east-1"),
        ("GetObject", "us-east-1"),
    ]
    assert [limiter.admits(*call) for call in calls] == [True, True, False, True, False, True]
