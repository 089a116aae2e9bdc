"""`off` where code runs in pieces: coroutines, generators, tasks; and what outlives a training."""

from __future__ import annotations

import asyncio
import importlib
import inspect
from collections.abc import AsyncIterator, Iterator
from typing import Any

from steno.autologging import control

X = [[1.0], [2.0], [3.0]]


def test_off_decorates_coroutines_and_generators(toy: Any, core: Any) -> None:
    """It holds for their own code to its end, not for whoever consumes them, and they stay what they were."""

    @control.off("toyfw")
    async def awaited() -> int:
        await asyncio.sleep(0)
        core.Model(1).fit(X)
        return 7

    @control.off()
    def batches() -> Iterator[int]:
        try:
            core.Model(2).fit(X)
            got = yield 1
            core.Model(got).fit(X)
            yield 2
        except ZeroDivisionError:
            core.Model(4).fit(X)
            yield 3
        finally:
            core.Model(5).fit(X)

    @control.off()
    async def stream() -> AsyncIterator[int]:
        core.Model(6).fit(X)
        yield 1
        await asyncio.sleep(0)
        core.Model(7).fit(X)

    async def main() -> tuple[int, list[int]]:
        value = await awaited()
        core.Model(10).fit(X)
        found = []
        async for item in stream():
            core.Model(11).fit(X)
            found.append(item)
        return value, found

    assert asyncio.run(main()) == (7, [1])
    running: Any = batches()
    assert next(running) == 1
    core.Model(12).fit(X)
    assert running.send(3) == 2
    assert running.throw(ZeroDivisionError()) == 3
    running.close()
    core.Model(13).fit(X)
    assert [run.data.params["depth"].value for run in toy.runs()] == [10, 11, 12, 13]
    assert (control.status()["toyfw"].calls, control.status()["toyfw"].skips) == (11, 7)
    assert (inspect.iscoroutinefunction(awaited), inspect.isgeneratorfunction(batches)) == (True, True)
    assert batches.__name__ == "batches"


def test_off_ends_with_its_own_block_though_a_generator_is_closed_late(toy: Any, core: Any) -> None:
    """A generator left inside `off` is closed at any time: what is around it then is as before, in every order."""

    def inside(*names: str) -> Iterator[None]:
        with control.off(*names):
            yield

    def fitted(depth: int) -> bool:
        core.Model(depth).fit(X)
        return bool([run for run in toy.runs() if run.data.params["depth"].value == depth])

    left = inside("sklearn")
    next(left)
    with control.off("toyfw"):
        left.close()  # type: ignore[attr-defined]  # a generator
        assert not fitted(1)
    assert fitted(2)
    with control.off("sklearn"):
        left = inside("toyfw")
        next(left)
    assert not fitted(3), "the generator is still inside"
    left.close()  # type: ignore[attr-defined]  # a generator
    assert fitted(4)
    left = inside("sklearn")
    next(left)

    def late(_: object) -> None:
        left.close()  # type: ignore[attr-defined]  # a generator
        core.Model(6).fit(X)

    core.Model(5).fit(X, callback=late)
    assert [run.data.params["depth"].value for run in toy.runs()] == [2, 4, 5]


def test_what_a_training_started_and_outlives_it_is_no_part_of_it(toy: Any, core: Any) -> None:
    """A task or callback of the event loop that a training's callback made trains, once that is over, for itself."""

    async def later() -> None:
        core.Model(2).fit(X)

    def soon() -> None:
        with control.off("toyfw"):
            core.Model(3).fit(X)
        model = core.Model(4)
        model.fit(X)
        metrics.accuracy([2.0, 2.0, 2.0], model.predict(X))

    metrics: Any = importlib.import_module("toyfw.metrics")
    tasks: list[asyncio.Task[None]] = []

    def callback(_: object) -> None:
        if not tasks:
            tasks.append(asyncio.get_running_loop().create_task(later()))
            asyncio.get_running_loop().call_soon(soon)
            core.Model(9).fit(X)

    async def main() -> None:
        core.Model(1).fit(X, callback=callback)
        await tasks[0]
        await asyncio.sleep(0)

    asyncio.run(main())
    found = toy.runs()
    assert [run.data.params["depth"].value for run in found] == [1, 2, 4]
    assert found[2].data.metrics["accuracy_X"] == 1.0
    row = control.status()["toyfw"]
    assert (row.calls, row.runs, row.inner) == (4, 3, 1)
    assert row.last_skip == "switched off here by steno.off('toyfw')"
