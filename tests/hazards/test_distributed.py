"""Hazards of training in several processes at once: one run, whoever started them."""

from __future__ import annotations

import contextlib
import os
import signal
import subprocess
import sys
import textwrap
import time
from pathlib import Path

import pytest

import steno
from conftest import RunPython
from tests.hazards.conftest import PLUGINS, Site
from tests.hazards.records import points, runs, the_run

PARALLEL = """
import os, sys
import torch
import torch.distributed as dist
from torch import nn
from torch.nn.parallel import DistributedDataParallel
import steno
import hazard_trainer

def train(rank, world, **children):
    steno.autolog(log_models=False, **children)
    torch.set_num_threads(1)
    dist.init_process_group("gloo", rank=rank, world_size=world)
    torch.manual_seed(0)
    model = DistributedDataParallel(nn.Linear(4, 1))
    X, y = torch.randn(32, 4).chunk(world)[rank], torch.randn(32, 1).chunk(world)[rank]
    losses = []

    def loop():
        optimizer = torch.optim.SGD(model.parameters(), lr=0.1)
        for _ in range(5):
            optimizer.zero_grad()
            loss = (model(X) - y).square().mean()
            loss.backward()
            optimizer.step()
            losses.append(loss.item())

    hazard_trainer.fit(loop)
    weights = [torch.zeros_like(model.module.weight) for _ in range(world)]
    dist.all_gather(weights, model.module.weight.detach())
    assert all(torch.equal(each, weights[0]) for each in weights)
    with open(f"losses-{rank}.txt", "w") as file:
        file.write(" ".join(map(repr, losses)))
    dist.destroy_process_group()

def spawned(rank, world, store):
    dist_init = dist.init_process_group
    dist.init_process_group = lambda backend, **given: dist_init(backend, init_method=store, **given)
    train(rank, world, children=True)

if __name__ == "__main__":
    if len(sys.argv) > 1:
        torch.multiprocessing.spawn(spawned, (2, sys.argv[1]), nprocs=2)
    else:
        train(int(os.environ["RANK"]), int(os.environ["WORLD_SIZE"]))
"""


@pytest.fixture
def parallel(site: Site, tmp_path: Path) -> Path:
    """A script that trains one model on several ranks, and the plugin that records it."""
    pytest.importorskip("torch")
    site.install_file("torch", "torch_loops.py")
    site.write("hazard_trainer.py", (PLUGINS / "hazard_trainer.py").read_text())
    script = tmp_path / "parallel.py"
    script.write_text(PARALLEL)
    return script


def _one_run_of_rank_zero() -> None:
    losses = [[float(text) for text in Path(f"losses-{rank}.txt").read_text().split()] for rank in (0, 1)]
    assert losses[0] != losses[1]
    run = the_run()
    assert points(run, "loss") == list(enumerate(losses[0]))
    assert run.data.metrics["steps"] == 5.0


def test_hazard_79_two_ranks_under_torchrun_are_one_run(installer: str, parallel: Path) -> None:
    """DistributedDataParallel on two ranks that `torchrun` started is one run, with the losses of rank 0."""
    command = [sys.executable, "-m", "torch.distributed.run", "--standalone", "--nproc-per-node=2", str(parallel)]
    done = subprocess.run(
        command, env={**os.environ, "OMP_NUM_THREADS": "1"}, capture_output=True, text=True, timeout=200, check=False
    )
    assert done.returncode == 0, done.stderr
    _one_run_of_rank_zero()


def test_hazard_79_two_spawned_ranks_are_one_run(parallel: Path, tmp_path: Path) -> None:
    """Ranks that `torch.multiprocessing.spawn` started, which no launcher numbered, are one run when they record."""
    store = tmp_path / "rendezvous"
    done = subprocess.run(
        [sys.executable, str(parallel), f"file://{store}"], capture_output=True, text=True, timeout=200, check=False
    )
    assert done.returncode == 0, done.stderr
    _one_run_of_rank_zero()


def test_hazard_79_other_processes_join_the_run_that_they_are_told(installer: str, run_python: RunPython) -> None:
    """Processes given STENO_RUN_ID write into that run, rank by rank; only who opened it ends it."""
    program = textwrap.dedent("""
        import os, sys
        import steno
        steno.autolog(log_models=False)
        from sklearn.naive_bayes import GaussianNB
        if os.environ["RANK"] == "1":
            steno.log_metric("before", 1.0)
        GaussianNB(var_smoothing=0.25).fit([[0.0], [1.0]], [0, 1])
        steno.log_metric("rank_" + os.environ["RANK"], 1.0)
    """)
    with steno.start_run() as mine:
        for rank in ("0", "1"):
            done = run_python(program, env={"STENO_RUN_ID": mine.info.run_id, "RANK": rank})
            assert (done.returncode, done.stderr) == (0, "")
        assert steno.get_run(mine.info.run_id).info.status == "RUNNING"
    run = the_run()
    assert run.info.run_id == mine.info.run_id
    assert run.data.params["var_smoothing"] == "0.25"
    assert {"before", "rank_0", "rank_1"} <= set(run.data.metrics)


OPENED = """
import os, signal, sys
import steno
run = steno.start_run()
print(run.info.run_id, flush=True)
os.kill(os.getpid(), signal.SIGSTOP)  # before its writer, who comes twice a second, has brought it into the store
sys.stdin.read()
"""
JOINED = """
import steno
steno.search_runs(output_format="list")
print("asks", flush=True)
steno.log_metric("joined", 1.0)
"""


def test_hazard_79_a_run_that_was_opened_just_now_is_found() -> None:
    """A process that is started at once with STENO_RUN_ID finds the run, though it is not in the store yet."""

    def started(source: str, **environment: str) -> subprocess.Popen[str]:
        command = [sys.executable, "-c", source]
        pipe = subprocess.PIPE
        return subprocess.Popen(command, stdin=pipe, stdout=pipe, text=True, env={**os.environ, **environment})

    with started(OPENED) as first, contextlib.ExitStack() as stack:
        stack.callback(first.kill)  # it would not end where it stands
        assert first.stdin is not None
        assert first.stdout is not None
        run_id = first.stdout.readline().strip()
        with started(JOINED, STENO_RUN_ID=run_id) as second:
            assert second.stdout is not None
            assert second.stdout.readline() == "asks\n"
            time.sleep(0.2)  # it asks in vain
            first.send_signal(signal.SIGCONT)
            assert second.wait(60) == 0
        first.stdin.close()
        assert first.wait(60) == 0
    run = the_run()
    assert (run.info.run_id, run.data.metrics) == (run_id, {"joined": 1.0})


def test_hazard_79_a_run_that_is_over_is_gone_on_with_once(run_python: RunPython) -> None:
    """A process given a run that has ended goes on with it and ends it again; once it did, trainings have their own."""
    program = textwrap.dedent("""
        import sys
        import steno
        steno.autolog(log_models=False)
        if sys.argv[1] == "by hand":
            with steno.start_run():
                steno.log_metric("by_hand", 1.0)
            from sklearn.naive_bayes import GaussianNB
            GaussianNB(var_smoothing=0.25).fit([[0.0], [1.0]], [0, 1])
        else:
            steno.log_metric("implied", 1.0)
            assert steno.active_run().info.status == "RUNNING"
    """)
    with steno.start_run() as mine:
        pass
    for way in ("by hand", "implied"):
        done = run_python(program, way, env={"STENO_RUN_ID": mine.info.run_id})
        assert (done.returncode, done.stderr) == (0, "")
    gone_on_with, trained = runs()
    assert (gone_on_with.info.run_id, gone_on_with.data.params) == (mine.info.run_id, {})
    assert gone_on_with.data.metrics == {"by_hand": 1.0, "implied": 1.0}
    assert trained.data.params["var_smoothing"] == "0.25"
    assert [run.info.status for run in (gone_on_with, trained)] == ["FINISHED", "FINISHED"]
