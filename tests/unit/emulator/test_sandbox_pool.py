"""Reuse and number of Lambda's sandboxes."""

from __future__ import annotations

import threading
from typing import Any, cast

import pytest

from emulator.sandbox import Sandbox
from emulator.sandbox_pool import NoSandboxError, SandboxPool


class Fake:
    """What the pool sees of a sandbox."""

    def __init__(self) -> None:
        self.alive = True

    def close(self) -> None:
        self.alive = False


def start() -> Sandbox:
    return cast("Sandbox", Fake())


def test_a_sandbox_given_back_serves_its_own_key_again() -> None:
    pool = SandboxPool()
    first = pool.take("f@1", start)
    pool.give_back("f@1", first, reusable=True)
    assert pool.take("g@1", start) is not first
    assert pool.take("f@1", start) is first


def test_one_that_failed_is_ended() -> None:
    pool = SandboxPool()
    first = pool.take("f@1", start)
    pool.give_back("f@1", first, reusable=False)
    assert not first.alive
    assert pool.take("f@1", start) is not first


def test_one_whose_process_has_ended_is_not_used_again() -> None:
    pool = SandboxPool()
    first = pool.take("f@1", start)
    pool.give_back("f@1", first, reusable=True)
    cast("Any", first).alive = False
    assert pool.take("f@1", start) is not first


def test_a_full_pool_ends_the_idle_sandbox_of_another_key() -> None:
    pool = SandboxPool(limit=1)
    first = pool.take("f@1", start)
    pool.give_back("f@1", first, reusable=True)
    assert pool.take("g@1", start).alive
    assert not first.alive


def test_a_full_pool_of_busy_sandboxes_refuses_after_a_while() -> None:
    pool = SandboxPool(limit=1)
    pool.take("f@1", start)
    with pytest.raises(NoSandboxError):
        pool.take("f@1", start, wait_seconds=0.05)


def test_who_waits_gets_the_first_that_is_given_back() -> None:
    pool = SandboxPool(limit=1)
    first = pool.take("f@1", start)
    got: list[Sandbox] = []
    waiting = threading.Thread(target=lambda: got.append(pool.take("f@1", start, wait_seconds=30)))
    waiting.start()
    pool.give_back("f@1", first, reusable=True)
    waiting.join(30)
    assert got == [first]


def test_one_that_cannot_be_started_leaves_its_place() -> None:
    pool = SandboxPool(limit=1)

    def fail() -> Sandbox:
        raise OSError("no memory")

    with pytest.raises(OSError, match="no memory"):
        pool.take("f@1", fail)
    assert pool.take("f@1", start, wait_seconds=0.05).alive


def test_a_function_that_has_gone_takes_its_idle_sandboxes_along() -> None:
    pool = SandboxPool()
    old, other = pool.take("f@1", start), pool.take("g@1", start)
    pool.give_back("f@1", old, reusable=True)
    pool.give_back("g@1", other, reusable=True)
    pool.discard("f@")
    assert (old.alive, other.alive) == (False, True)


def test_a_closed_pool_ends_the_idle_and_the_busy_and_gives_no_more() -> None:
    pool = SandboxPool()
    idle, busy = pool.take("f@1", start), pool.take("g@1", start)
    pool.give_back("f@1", idle, reusable=True)
    pool.close()
    assert (idle.alive, busy.alive) == (False, False)
    with pytest.raises(NoSandboxError):
        pool.take("f@1", start)


def test_one_started_while_the_pool_closes_is_ended() -> None:
    pool = SandboxPool()

    def start_late() -> Sandbox:
        pool.close()
        return start()

    assert not pool.take("f@1", start_late).alive
