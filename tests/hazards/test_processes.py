"""Hazards of child processes: silent unless asked, never stuck, and each training recorded once."""

from __future__ import annotations

import json
import textwrap
from pathlib import Path
from typing import Any

import pytest

import steno
from conftest import RunPython
from tests.hazards.conftest import Site
from tests.hazards.records import runs, the_run

TRAINED = '''
"""A module of the user's that switches autologging on when it is imported, as its workers do too."""
import steno
steno.autolog(log_models=False)
from sklearn.naive_bayes import GaussianNB

def fit(smoothing):
    model = GaussianNB(var_smoothing=smoothing).fit([[0.0], [1.0], [2.0], [3.0]], [0, 0, 1, 1])
    return float(model.theta_[0, 0]), steno.status().note

def fit_anyway(smoothing):
    steno.autolog(log_models=False, children=True)
    return fit(smoothing)
'''

STARTED = """
import json, multiprocessing
from joblib.externals.loky import ProcessPoolExecutor
import trained

def work():
    return [trained.fit(0.25), trained.fit_anyway(0.5)]

if __name__ == "__main__":
    found = {}
    for method in ("fork", "spawn", "forkserver"):
        with multiprocessing.get_context(method).Pool(1) as pool:
            found[method] = pool.apply(work)
    with ProcessPoolExecutor(1) as pool:
        found["loky"] = pool.submit(work).result()
    print(json.dumps(found))
    trained.fit(0.75)
"""


def _ran(run_python: RunPython, source: str, *args: str, timeout: float = 120) -> Any:
    """What a script printed, as JSON; it ended well and said nothing else."""
    done = run_python(source, *args, timeout=timeout)
    assert (done.returncode, done.stderr) == (0, "")
    return json.loads(done.stdout)


@pytest.mark.slow
def test_hazard_55_workers_are_silent_unless_asked(installer: str, site: Site, run_python: RunPython) -> None:
    """Workers of every start method train as ever and record nothing, unless they ask with `children=True`."""
    site.write("trained.py", TRAINED)
    found = _ran(run_python, STARTED)
    silent = "this is a child process"
    assert {method: [note.partition(":")[0] for _, note in notes] for method, notes in found.items()} == {
        method: [silent, ""] for method in ("fork", "spawn", "forkserver", "loky")
    }
    assert all(value == 0.5 for notes in found.values() for value, _ in notes)
    assert sorted(float(run.data.params["var_smoothing"]) for run in runs()) == [0.5] * 4 + [0.75]
    assert {run.info.status for run in runs()} == {"FINISHED"}


DASK = """
import json
from distributed import Client, LocalCluster
import trained

if __name__ == "__main__":
    # one worker in a process of its own; nothing listens beyond this machine
    with LocalCluster(n_workers=1, threads_per_worker=1, processes=True, dashboard_address=None) as cluster:
        with Client(cluster) as client:
            found = [client.submit(function, number).result(60)
                     for function, number in ((trained.fit, 0.25), (trained.fit_anyway, 0.5))]
    print(json.dumps(found))
"""


@pytest.mark.slow
def test_hazard_55_dask_workers_are_silent_unless_asked(installer: str, site: Site, run_python: RunPython) -> None:
    """A module that autologs, imported by a dask worker, records nothing there unless it asks."""
    pytest.importorskip("distributed", reason="dask is not installed")
    site.write("trained.py", TRAINED)
    (_, silent), (_, asked) = _ran(run_python, DASK)
    assert silent.startswith("this is a child process")
    assert asked == ""
    assert the_run().data.params["var_smoothing"] == "0.5"


LOADER = """
import json, warnings
import steno
steno.autolog(log_models=False)
import torch
from sklearn.naive_bayes import GaussianNB
from torch.utils.data import DataLoader, Dataset

class Fitted(Dataset):
    def __len__(self):
        return 8
    def __getitem__(self, index):
        model = GaussianNB().fit([[0.0], [1.0], [2.0], [3.0]], [0, 0, 1, 1])
        return torch.tensor(model.theta_[0, 0] + index)

if __name__ == "__main__":
    GaussianNB().fit([[0.0], [1.0]], [0, 1])
    seen = {}
    with steno.start_run(run_name="loop"):
        for method, workers in (("fork", 2), ("spawn", 1)):
            loader = DataLoader(Fitted(), batch_size=2, num_workers=workers, multiprocessing_context=method)
            for step, batch in enumerate(loader):
                steno.log_metric(method, float(batch.sum()), step=step)
            seen[method] = step
    print(json.dumps([seen, torch.utils.data.get_worker_info() is None]))
"""


def test_hazard_55_data_loader_workers_add_nothing(installer: str, run_python: RunPython) -> None:
    """Models fitted in DataLoader workers, forked or spawned under an open run, are no runs; the loop is recorded."""
    assert _ran(run_python, LOADER) == [{"fork": 3, "spawn": 3}, True]
    first, loop = runs()
    assert [run.info.status for run in (first, loop)] == ["FINISHED", "FINISHED"]
    client = steno.Client()
    for method in ("fork", "spawn"):
        points = client.get_metric_history(loop.info.run_id, method)
        assert [(point.step, point.value) for point in points] == [(0, 2.0), (1, 6.0), (2, 10.0), (3, 14.0)]


def test_hazard_55_a_failing_child_fails_as_without_us(installer: str, run_python: RunPython, tmp_path: Path) -> None:
    """Exit codes, errors and output of a program whose workers raise are what they are without steno."""
    program = """
        import multiprocessing, sys
        if len(sys.argv) > 1:
            import steno
            steno.autolog(log_models=False)
        from sklearn.naive_bayes import GaussianNB

        def work(number):
            GaussianNB().fit([[0.0], [1.0]], [0, 1])
            raise OSError(f"no data {number}")

        if __name__ == "__main__":
            process = multiprocessing.get_context("fork").Process(target=work, args=(1,), name="worker")
            process.start()
            process.join()
            print(process.exitcode)
            GaussianNB().fit([[0.0], [1.0]], [0, "a", 2])
    """
    plain, recorded = run_python(textwrap.dedent(program)), run_python(textwrap.dedent(program), "with steno")
    assert "no data 1" in plain.stderr
    frames = ("  ",)  # of a plain traceback; ours are folded where somebody folds frames
    assert [line for line in recorded.stderr.splitlines() if not line.startswith(frames)] == [
        line for line in plain.stderr.splitlines() if not line.startswith(frames)
    ]
    assert (recorded.returncode, recorded.stdout) == (plain.returncode, plain.stdout) == (1, "1\n")
    assert [run.info.status for run in runs()] == ["FAILED"]


PREFORK = """
import json, os, signal, socket, sys
import steno
steno.autolog(log_models=False)
from sklearn.metrics import accuracy_score
from sklearn.naive_bayes import GaussianNB

X, y = [[0.0], [1.0], [2.0], [3.0]], [0, 0, 1, 1]
model = GaussianNB(var_smoothing=0.5).fit(X, y)
listener = socket.create_server(("127.0.0.1", 0))
ready, says_ready = os.pipe()

def serve(asks):
    if asks:
        steno.autolog(log_models=False, children=True)
    while True:
        connection, _ = listener.accept()
        with connection:
            smoothing = float(connection.recv(100))
            accuracy_score(y, model.predict(X))
            GaussianNB(var_smoothing=smoothing).fit(X, y)
            connection.sendall(json.dumps([os.getpid(), steno.status().note.partition(":")[0]]).encode())

def forked(asks):
    pid = os.fork()
    if pid == 0:
        signal.signal(signal.SIGTERM, lambda *_: sys.exit(0))
        os.write(says_ready, b".")
        serve(asks)
    os.read(ready, 1)
    return pid

def asked(smoothing):
    with socket.create_connection(listener.getsockname()) as connection:
        connection.sendall(str(smoothing).encode())
        return json.loads(connection.recv(1000))

def ended(worker, number):
    os.kill(worker, number)
    return os.waitstatus_to_exitcode(os.waitpid(worker, 0)[1])

found = []
for asks in (False, True):
    workers = {forked(asks) for _ in range(3)}
    notes, ends = set(), []
    for number in range(1, 7):
        worker, note = asked(number + 10.0 * asks)
        notes.add(note)
        if number == 3:  # it dies, and there is another in its place
            ends.append(ended(worker, signal.SIGKILL))
            workers = (workers - {worker}) | {forked(asks)}
    ends += [ended(worker, signal.SIGTERM) for worker in workers]
    found.append([sorted(notes), ends])
GaussianNB(var_smoothing=0.75).fit(X, y)
print(json.dumps(found))
"""


@pytest.mark.slow
def test_hazard_54_workers_of_a_server_record_each_training_once_or_none(installer: str, run_python: RunPython) -> None:
    """Workers forked by a server that trained and autologs serve and train: silent, or a run per training if asked.

    Neither a killed worker nor the one that takes its place loses, repeats or changes a run, the server's included.
    """
    unasked, asked = _ran(run_python, PREFORK)
    assert unasked == [["this is a child process"], [-9, 0, 0, 0]]
    assert asked == [[""], [-9, 0, 0, 0]]
    found = runs()
    smoothings = sorted(float(run.data.params["var_smoothing"]) for run in found)
    assert smoothings == [0.5, 0.75, 11.0, 12.0, 13.0, 14.0, 15.0, 16.0]
    assert {run.info.status for run in found} == {"FINISHED"}
    (metrics,) = {tuple(sorted(run.data.metrics)) for run in found}
    assert metrics
    assert not [name for name in metrics if name.startswith("accuracy_score")]
    client = steno.Client()
    assert {len(client.get_metric_history(run.info.run_id, name)) for run in found for name in metrics} == {1}
