"""One training is one run: of the thread, task and process that started it, and of nobody else."""

from __future__ import annotations

import asyncio
import functools
import pickle
import threading
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import pytest

import steno
from steno.autologging import control
from steno.autologging.scope import Scope, carried, current, put, rank
from steno.errors import IntegrationError
from steno.tracking.session import session

X = [[1.0], [2.0], [3.0]]


def test_threads_of_the_user_have_runs_of_their_own(toy: Any, core: Any) -> None:
    """Eight threads that train at once give eight runs, and no value lands in another's run."""
    barrier = threading.Barrier(8)

    def work(depth: int) -> None:
        barrier.wait()
        core.Model(depth).fit([[float(depth)]], rounds=depth + 1)

    with ThreadPoolExecutor(8) as pool:
        list(pool.map(work, range(8)))
    found = {run.data.params["depth"].value: run.data.metrics for run in toy.runs()}
    assert found == {depth: {"loss": pytest.approx(1 / (depth + 1)), "mean": float(depth)} for depth in range(8)}
    assert {run.info.status for run in toy.runs()} == {"FINISHED"}


def test_tasks_have_runs_of_their_own(toy: Any, core: Any) -> None:
    """Trainings in asyncio's threads at the same time are runs of their own."""

    async def main() -> None:
        await asyncio.gather(*(asyncio.to_thread(core.Model(depth).fit, X) for depth in range(4)))

    asyncio.run(main())
    assert sorted(run.data.params["depth"].value for run in toy.runs()) == [0, 1, 2, 3]


def test_worker_threads_of_a_training_belong_to_it(toy: Any, core: Any) -> None:
    """What a training fits in worker threads is part of its run, not a run."""
    core.Ensemble(depth=5).fit(X)
    (run,) = toy.runs()
    assert run.data.params["class"] == "Ensemble"


def test_worker_threads_outside_a_training_are_the_users(toy: Any, core: Any) -> None:
    """The same function called by the user starts trainings of their own."""
    core.run_in_threads([(core.Model(n).fit, (X,), {}) for n in range(2)])
    assert len(toy.runs()) == 2


def test_switched_off_holds_in_worker_threads(toy: Any, core: Any) -> None:
    """`with steno.off()` covers the threads that the code inside starts by a watched function."""
    with control.off():
        core.run_in_threads(items=[(core.Model(n).fit, (X,), {}) for n in range(2)])
    assert toy.runs() == []


def test_what_goes_to_another_process_is_the_plain_function() -> None:
    """Work that is pickled for a worker process carries nothing of ours."""
    items = list(carried([(abs, (-3,), {})], Scope(quiet=True)))
    data = pickle.dumps(items)
    assert b"steno" not in data
    ((function, args, kwargs),) = pickle.loads(data)
    assert isinstance(function, functools.partial)
    assert function(*args, **kwargs) == 3


def test_carried_work_is_as_lazy_and_as_long_as_before() -> None:
    """Items are taken one at a time, a length is known if it was, and errors and odd items pass as they are."""
    taken = []

    def items() -> Any:
        for number in range(3):
            taken.append(number)
            yield (abs, (number,), {})
        raise LookupError("the user's")

    scope = Scope(quiet=True)
    lazy = iter(carried(items(), scope))
    assert taken == []
    function, args, _ = next(lazy)
    assert (taken, function(*args), function.__name__) == ([0], 0, "abs")
    with pytest.raises(LookupError, match="the user's"):
        list(lazy)
    assert len(carried([1, 2], scope)) == 2
    assert list(carried([1, "x", None], scope)) == [1, "x", None]
    assert carried(7, scope) == 7


def test_off_of_one_name_inside_a_training_stays_inside_it(toy: Any, core: Any) -> None:
    """A callback that switches another framework off is still part of the training that called it."""

    @control.off("sklearn")
    def callback(_model: Any) -> None:
        core.Model(9).fit(X)

    core.Model(1).fit(X, rounds=1, callback=callback)
    assert [run.data.params["depth"].value for run in toy.runs()] == [1]


def test_off_nests_and_survives_errors(toy: Any, core: Any) -> None:
    """Inside `off` nothing is recorded, an inner one changes nothing, and an exception ends it."""
    with control.off():
        with control.off("toyfw"):
            core.Model().fit(X)
        core.Model().fit(X)
    with pytest.raises(ZeroDivisionError), control.off():
        _ = 1 / 0
    assert toy.runs() == []
    core.Model().fit(X)
    assert len(toy.runs()) == 1
    assert current() is None


def test_off_of_one_name_inside_that_of_another_holds_for_both(toy: Any, core: Any) -> None:
    """An inner `off` adds to the outer one, and its end leaves the outer one in force."""
    with control.off("toyfw"):
        with control.off("sklearn"):
            core.Model().fit(X)
        core.Model().fit(X)
    assert toy.runs() == []


def test_one_off_serves_many_threads_at_once(core: Any) -> None:
    """The same object entered by two threads, left in the other order, gives each thread its own scope back."""
    shared, entered, left = control.off("toyfw"), threading.Event(), threading.Event()
    found = []

    def second() -> None:
        entered.wait(10)
        with shared:
            left.set()
        found.append(current())

    thread = threading.Thread(target=second)
    thread.start()
    with control.off("sklearn"):
        with shared:
            entered.set()
            left.wait(10)
        scope = current()
        assert scope is not None
        assert scope.off == {"sklearn"}
    thread.join()
    assert found == [None]


def test_off_is_of_one_thread(toy: Any, core: Any) -> None:
    """While one thread has recording off, another records."""
    entered, trained = threading.Event(), threading.Event()

    def quiet() -> None:
        with control.off():
            entered.set()
            trained.wait(10)
            core.Model(1).fit(X)

    thread = threading.Thread(target=quiet)
    thread.start()
    entered.wait(10)
    core.Model(2).fit(X)
    trained.set()
    thread.join()
    assert [run.data.params["depth"].value for run in toy.runs()] == [2]


def test_off_names_one_integration_or_decorates(toy: Any, core: Any) -> None:
    """Others stay on; as a decorator it holds for every call, also a recursive one; unknown names are told."""
    with control.off("sklearn"):
        core.Model(1).fit(X)

    @control.off("toyfw")
    def train(depth: int) -> None:
        core.Model(depth).fit(X)
        if depth:
            train(depth - 1)

    train(2)
    core.Model(3).fit(X)
    assert [run.data.params["depth"].value for run in toy.runs()] == [1, 3]
    with pytest.raises(IntegrationError, match="no integration is called 'toyfv'"):
        control.off("toyfv")


def test_off_inside_a_training_stops_its_observers(toy: Any, core: Any) -> None:
    """A callback that switches recording off keeps the iterations inside out of the run."""

    def callback(model: Any) -> None:
        with control.off():
            model._step(100)

    core.Model().fit(X, rounds=1, callback=callback)
    (run,) = toy.runs()
    assert [point.step for point in session().store.metric_history(run.info.run_id, "loss").points()] == [0]


def test_what_is_quiet_inside_a_training_adds_nothing_to_it(toy: Any, core: Any) -> None:
    """Folds that a callback fits in the middle of a training leave their iterations out of its run."""
    core.Model().fit(X, rounds=1, callback=lambda model: core.cross_validate(model, X))
    (run,) = toy.runs()
    assert run.data.metrics == {"loss": 1.0, "mean": 2.0}


def test_a_users_run_takes_the_first_training_and_has_children_for_the_rest(toy: Any, core: Any) -> None:
    """In a run of the user's the first training writes into it, further ones into children; only the user ends it."""
    with steno.start_run() as mine:
        core.Model(1).fit(X)
        assert steno.get_run(mine.info.run_id).info.status == "RUNNING"
        core.Model(2).fit(X)
        core.Model(3).fit(X)
    first, *children = toy.runs()
    assert first.info.run_id == mine.info.run_id
    assert "mlflow.autologging" not in first.data.tags
    assert first.data.tags["steno.integration"] == "toyfw"
    assert first.data.params["depth"] == "1"
    assert [child.data.params["depth"] for child in children] == ["2", "3"]
    assert {child.data.tags["mlflow.parentRunId"] for child in children} == {mine.info.run_id}
    assert {run.info.status for run in (first, *children)} == {"FINISHED"}


def test_a_failed_training_does_not_end_the_users_run(toy: Any, core: Any) -> None:
    """An error that the user catches inside their run leaves the run theirs."""
    with steno.start_run():
        with pytest.raises(ValueError, match="no"):
            core.Model().fit(X, error=ValueError("no"))
        steno.log_metric("after", 1.0)
    (run,) = toy.runs()
    assert run.info.status == "FINISHED"
    assert run.data.metrics["after"] == 1.0


def test_exclusive_records_nothing_in_a_users_run(toy: Any, core: Any) -> None:
    """With `exclusive=True` a run of the user's stays theirs alone, and there is no other."""
    control.autolog(exclusive=True, log_models=False)
    with steno.start_run():
        core.train({"depth": 1}, X)
    (run,) = toy.runs()
    assert (dict(run.data.params), dict(run.data.metrics)) == ({}, {})
    assert "a run of yours is active" in control.status()["toyfw"].last_skip
    core.Model().fit(X)
    assert len(toy.runs()) == 2


def test_what_is_logged_after_a_training_joins_its_run(toy: Any, core: Any) -> None:
    """`log_metric` with no active run belongs to the training just done."""
    core.Model().fit(X)
    steno.log_metric("validated", 0.5)
    (run,) = toy.runs()
    assert run.data.metrics["validated"] == 0.5


@pytest.mark.parametrize(
    ("environment", "place"),
    [
        ({}, 0),
        ({"RANK": "0", "SLURM_PROCID": "3"}, 0),
        ({"RANK": "2"}, 2),
        ({"SLURM_PROCID": "1"}, 1),
        ({"OMPI_COMM_WORLD_RANK": "4"}, 4),
        ({"PMI_RANK": "5"}, 5),
        ({"RANK": "general"}, 0),
    ],
)
def test_the_launcher_says_which_process_this_is(
    monkeypatch: pytest.MonkeyPatch, environment: dict[str, str], place: int
) -> None:
    """The rank is read from whatever launcher set it; nonsense is no rank."""
    for name in ("RANK", "SLURM_PROCID", "OMPI_COMM_WORLD_RANK", "PMI_RANK"):
        monkeypatch.delenv(name, raising=False)
    for name, value in environment.items():
        monkeypatch.setenv(name, value)
    assert rank() == place


def test_only_rank_zero_records_unless_told_where(toy: Any, core: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    """Other ranks open no run; with STENO_RUN_ID they write into the run that rank 0 opened."""
    monkeypatch.setenv("RANK", "1")
    core.Model(1).fit(X)
    assert toy.runs() == []
    assert control.status()["toyfw"].last_skip == "this is process 1 of a distributed training; process 0 records it"
    shared = session().open_run(name="of rank 0")
    monkeypatch.setenv("STENO_RUN_ID", shared.run_id)
    core.Model(2).fit(X)
    (run,) = toy.runs()
    assert (run.info.run_id, run.data.params["depth"], run.info.status) == (shared.run_id, "2", "RUNNING")


CHILDREN = """
import os, sys, multiprocessing
sys.path.insert(0, sys.argv[1])
import steno

def fit(depth):
    from toyfw.core import Model
    steno.autolog(log_models=False)
    Model(depth).fit([[1.0]])
    return steno.status().note

def fit_anyway(depth):
    from toyfw.core import Model
    steno.autolog(log_models=False, children=True)
    Model(depth).fit([[1.0]])
    return steno.status().note

if __name__ == "__main__":
    steno.autolog(log_models=False)
    from toyfw.core import Model
    Model(0).fit([[1.0]], callback=lambda model: steno.log_metric("inside", 1.0))
    for method in ("fork", "spawn"):
        with multiprocessing.get_context(method).Pool(1) as pool:
            assert "child process" in pool.apply(fit, (1,))
            assert pool.apply(fit_anyway, (2,)) == ""

    def fork(model):
        pid = os.fork()
        if pid == 0:
            try:
                Model(3).fit([[1.0]])
                steno.autolog(log_models=False)
                Model(3).fit([[1.0]])
            finally:
                os._exit(0)
        assert os.waitpid(pid, 0)[1] == 0

    Model(4).fit([[1.0]], rounds=1, callback=fork)
    parent = os.getpid()
    Model(5).fit([[1.0]], rounds=1, callback=lambda model: os.fork())
    if os.getpid() != parent:
        os._exit(0)
    os.wait()
    runs = steno.search_runs(output_format="list")
    print(sorted((run.data.params["depth"].value, run.info.status) for run in runs))
    assert all(run.data.metrics["mean"] == 1.0 for run in runs)
"""


def test_child_processes_are_silent_unless_asked(toy: Any, run_python: Any) -> None:
    """Forked and spawned children record nothing, also in the middle of a fit, unless `children=True`."""
    done = run_python(CHILDREN, str(toy.site))
    assert done.stderr == ""
    assert (
        done.stdout.strip() == "[(0, 'FINISHED'), (2, 'FINISHED'), (2, 'FINISHED'), (4, 'FINISHED'), (5, 'FINISHED')]"
    )


TOP = """
import multiprocessing, sys
sys.path.insert(0, sys.argv[1])
import steno
steno.autolog(log_models=False)
from toyfw.core import Model

def fit(depth):
    Model(depth).fit([[1.0]])
    return steno.status()["toyfw"].why

if __name__ == "__main__":
    for method in ("spawn", "forkserver"):
        with multiprocessing.get_context(method).Pool(1) as pool:
            print(pool.apply(fit, (1,)).partition(":")[0])
    print(len(steno.search_runs(output_format="list")))
"""


def test_workers_that_import_the_script_are_silent(toy: Any, run_python: Any) -> None:
    """A worker that runs `steno.autolog()` at the top of the script, as it imports that, records nothing."""
    done = run_python(TOP, str(toy.site))
    assert (done.stdout.splitlines(), done.stderr) == (["this is a child process", "this is a child process", "0"], "")


def test_nothing_is_left_behind_by_a_training(toy: Any, core: Any) -> None:
    """After a training, failed or not, the scope is what it was."""
    mark = Scope(off=frozenset({"other"}))
    put(mark)
    core.Model().fit(X)
    with pytest.raises(ValueError, match="no"):
        core.Model().fit(X, error=ValueError("no"))
    assert current() is mark
    put(None)
    assert len(toy.runs()) == 2


HELD = """
import os, signal, sys, threading
sys.path.insert(0, sys.argv[1])
import steno
from steno.autologging import control, imports, patches
from steno.registry import registry
steno.autolog(log_models=False)
from toyfw.core import Model

service = control._Home.switchboard.process.service("toyfw")
LOCKS = {
    "patches": patches._PROCESS.lock,
    "imports": imports._HOOK._lock,
    "registry": registry()._lock,
    "switchboard": control._Home.switchboard._lock,
    "service": service._lock,
    "tally": service.tally._lock,
    "installation": service.installation._lock,
    "runs": control._Home.switchboard.process.runs._lock,
}

def child():
    signal.alarm(60)  # ends a child that waits for ever
    assert steno.status()["toyfw"].state == "off"
    steno.disable()
    steno.autolog(log_models=False, children=True)
    Model(2).fit([[1.0]])
    assert steno.status()["toyfw"].runs == 1

for name, lock in LOCKS.items():
    held, done = threading.Event(), threading.Event()

    def hold():
        with lock:
            held.set()
            done.wait()

    thread = threading.Thread(target=hold)
    thread.start()
    held.wait()
    pid = os.fork()
    if pid == 0:
        try:
            child()
        except BaseException:
            import traceback
            traceback.print_exc()
            os._exit(1)
        os._exit(0)
    print(name, os.waitpid(pid, 0)[1])
    done.set()
    thread.join()
"""


def test_a_fork_while_another_thread_holds_a_lock_of_ours(toy: Any, run_python: Any) -> None:
    """Whichever lock is held when a process forks, the child is silent, can be switched on, and trains."""
    done = run_python(HELD, str(toy.site))
    assert done.stderr == ""
    assert [line.split() for line in done.stdout.splitlines()] == [
        [name, "0"]
        for name in ("patches", "imports", "registry", "switchboard", "service", "tally", "installation", "runs")
    ]
