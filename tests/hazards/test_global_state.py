"""Hazards to what all of a process shares: it is the same after us as before, and nothing is written elsewhere."""

from __future__ import annotations

import json
import os
import re
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

import steno
from conftest import RunPython
from steno.entities import Run
from tests.hazards.records import runs

SNAPSHOT = """
import json, sys
# everything a training needs is imported first: the question is what steno changes
import atexit, locale, logging, multiprocessing, os, random, signal, threading, warnings
import numpy as np
import sklearn.naive_bayes, sklearn.metrics, sklearn.model_selection, xgboost, joblib.externals.loky

def loggers():
    # the loggers of libraries that steno brings along come with them; the root and what the user made must not change
    root = logging.root
    return (type(root), id(root), root.level, [id(each) for each in root.handlers], root.disabled, list(root.filters),
            logging.getLoggerClass(), id(logging.lastResort), logging.root.manager.disable, id(logging.raiseExceptions))

def snapshot():
    state = {
        "logging": loggers(),
        "streams": [id(each) for each in (sys.stdout, sys.stderr, sys.stdin, sys.__stdout__, sys.__stderr__)],
        "hooks": [id(each) for each in (sys.excepthook, sys.unraisablehook, sys.displayhook, threading.excepthook,
                                        sys.breakpointhook, sys.getprofile(), sys.gettrace(), threading._profile_hook)],
        "signals": [(number, repr(signal.getsignal(number))) for number in signal.valid_signals()],
        "wakeup": signal.set_wakeup_fd(-1),
        "warnings": [repr(each) for each in warnings.filters] + [id(warnings.showwarning), id(warnings.warn)],
        "os": [id(os.fork), id(os._exit), id(os.register_at_fork), id(open), id(print), id(__import__)],
        "multiprocessing": [id(multiprocessing.Process), id(multiprocessing.Process.run), id(multiprocessing.Pool),
                            multiprocessing.get_start_method(allow_none=True)],
        "random": [repr(random.getstate()), repr(np.random.get_state())],
        "numpy": [repr(np.geterr()), repr(np.get_printoptions())],
        "cwd": os.getcwd(), "environment": dict(os.environ), "umask": os.umask(0o22) or os.umask(0o22),
        "path": list(sys.path), "path_hooks": [id(each) for each in sys.path_hooks],
        "meta_path": [f"{type(each).__module__}.{type(each).__name__}" for each in sys.meta_path],
        "locale": locale.setlocale(locale.LC_ALL), "recursion": sys.getrecursionlimit(),
        "switch": sys.getswitchinterval(), "threads": [each.name for each in threading.enumerate()],
    }
    return json.loads(json.dumps(state, default=repr))

def train():
    X, y = np.arange(20.0).reshape(10, 2), np.array([0, 1] * 5)
    model = sklearn.naive_bayes.GaussianNB().fit(X, y)
    sklearn.metrics.accuracy_score(y, model.predict(X))
    sklearn.model_selection.GridSearchCV(sklearn.naive_bayes.GaussianNB(), {}, cv=2).fit(X, y)
    xgboost.train({"nthread": 1}, xgboost.DMatrix(X, y, nthread=1), 2)

order = []
atexit.register(order.append, "first")
train()
before = snapshot()
changed = {}
def compare(moment):
    changed[moment] = {}
    for key, value in snapshot().items():
        if value != before[key]:
            added = [each for each in value if each not in before[key]]
            assert [each for each in value if each not in added] == before[key], (key, before[key], value)
            changed[moment][key] = added

import steno
compare("after import")
steno.autolog()
compare("after autolog")
train()
with steno.start_run():
    steno.log_metric("loss", 1.0)
compare("after training")
steno.disable()
compare("after disable")
runs = len(steno.search_runs(output_format="list"))
print(json.dumps([runs, changed]))
"""


def test_hazard_48_what_a_process_shares_is_untouched(installer: str, run_python: RunPython) -> None:
    """Logging, streams, hooks, signals, filters, RNG, paths, environment stay; two finders and a thread are new."""
    done = run_python(SNAPSHOT)
    assert (done.returncode, done.stderr) == (0, "")
    count, changed = json.loads(done.stdout)
    assert count == 4
    ours = "steno.autologging.namespace._Finder"  # `import steno.sklearn`; asked last, and only for names of ours
    waiting = "steno.autologging.imports._Hook"
    assert changed == {
        "after import": {"meta_path": [ours]},
        "after autolog": {"meta_path": [waiting, ours]},
        "after training": {"meta_path": [waiting, ours], "threads": ["steno-writer"]},
        "after disable": {"meta_path": [ours], "threads": ["steno-writer"]},
    }


ENDS = """
import atexit, os, signal, sys, threading
sys.excepthook = lambda *error: print("hook", error[0].__name__, flush=True)
atexit.register(print, "registered before us", flush=True)
if sys.argv[1] == "with":
    import steno
    steno.autolog(log_models=False)
from sklearn.naive_bayes import GaussianNB
GaussianNB().fit([[0.0], [1.0]], [0, 1])
atexit.register(print, "registered after us", flush=True)
def outlive():
    threading.main_thread().join()
    print("a thread of the user's", flush=True)

if sys.argv[2] != "is terminated":
    threading.Thread(target=outlive).start()
if sys.argv[2] == "raises":
    raise OSError("the end")
if sys.argv[2] == "exits":
    sys.exit(3)
if sys.argv[2] == "is terminated":
    os.kill(os.getpid(), signal.SIGTERM)
"""


@pytest.mark.parametrize(
    ("end", "code", "printed"),
    [
        ("raises", 1, ["hook OSError", "a thread of the user's", "registered after us", "registered before us"]),
        ("exits", 3, ["a thread of the user's", "registered after us", "registered before us"]),
        ("is terminated", -15, []),
    ],
)
def test_hazard_48_a_program_ends_as_without_us(run_python: RunPython, end: str, code: int, printed: list[str]) -> None:
    """Threads, exit handlers in their order, the user's hook, the exit code: the same, however the program ends."""
    plain, recorded = run_python(ENDS, "without", end), run_python(ENDS, "with", end)
    assert (recorded.returncode, recorded.stdout, recorded.stderr) == (plain.returncode, plain.stdout, plain.stderr)
    assert (plain.returncode, plain.stdout.splitlines(), plain.stderr) == (code, printed, "")
    assert [run.info.status for run in runs()] == ["FINISHED"]  # the training had ended, whatever became of the program


TRAINING = """
import steno
steno.autolog()
import numpy as np
import xgboost
from sklearn.naive_bayes import GaussianNB
X, y = np.arange(20.0).reshape(10, 2), np.array([0, 1] * 5)
GaussianNB().fit(X, y)
xgboost.train({"nthread": 1}, xgboost.DMatrix(X, y, nthread=1), 2)
with steno.start_run():
    steno.log_metric("loss", 1.0)
    steno.log_text("text", "a.txt")
steno.disable()
"""
_CHANGES = (
    "openat,open,creat,unlink,unlinkat,rename,renameat,renameat2,mkdir,mkdirat,rmdir,truncate,symlink,symlinkat,link,"
    "linkat,chmod,fchmodat"
)


@pytest.mark.skipif(shutil.which("strace") is None, reason="needs strace")
def test_hazard_48_nothing_is_written_outside_the_store(run_python: RunPython, tmp_path: Path) -> None:
    """Of all files that a recorded program creates, changes or removes, each is in its store or a temporary one."""
    trace, script = tmp_path / "trace", tmp_path / "traced.py"
    script.write_text(TRAINING)
    environment = {
        **os.environ,
        "PYTHONDONTWRITEBYTECODE": "1",
        "TMPDIR": str(tmp_path / "private"),
        "XDG_CACHE_HOME": str(tmp_path / "cache"),
        "HOME": str(tmp_path / "home"),
    }
    for folder in ("private", "cache", "home"):
        (tmp_path / folder).mkdir()
    command = ["strace", "-f", "-qq", "-o", str(trace), "-e", f"trace={_CHANGES}", sys.executable, str(script)]
    done = subprocess.run(command, env=environment, capture_output=True, text=True, timeout=250, check=False)
    assert (done.returncode, done.stderr) == (0, "")
    touched = set()
    for line in trace.read_text().splitlines():
        reads = ("openat(" in line or " open(" in line) and not re.search(r"O_(WRONLY|RDWR|CREAT|TRUNC)", line)
        if reads or " = -1 " in line:
            continue
        touched |= {os.path.abspath(path) for path in re.findall(r'"((?:[^"\\]|\\.)*)"', line)}  # noqa: PTH100
    store, private = Path(".steno").absolute(), tmp_path / "private"
    allowed = (str(store), str(private), "/dev/null", "/dev/shm/", "/proc/")
    elsewhere = sorted(path for path in touched if not path.startswith(allowed))
    assert any(path.startswith(str(store)) for path in touched)
    assert [path for path in elsewhere if not path.startswith(str(tmp_path / "cache"))] == []
    assert list((tmp_path / "private").iterdir()) == []


READ_ONLY = """
import ctypes, os
if os.getuid() == 0:  # what lets root write where nobody may
    libc, header, sets = ctypes.CDLL(None), (ctypes.c_uint32 * 2)(0x20080522, 0), (ctypes.c_uint32 * 6)()
    assert libc.capget(header, sets) == 0
    for which in (0, 1):  # in effect, and permitted: access() asks for the latter
        sets[which] &= ~(1 << 1)  # CAP_DAC_OVERRIDE
    assert libc.capset(header, sets) == 0
try:
    open("mine.txt", "w")
except PermissionError:
    pass
else:
    raise AssertionError("the folder can be written")
"""


@pytest.mark.skipif(sys.platform != "linux", reason="gives up the rights of root as Linux has them")
def test_hazard_48_a_folder_that_cannot_be_written_is_no_obstacle(run_python: RunPython, tmp_path: Path) -> None:
    """In a working directory that is read-only, the training runs, and its record is in the user's data folder."""
    data = tmp_path / "home" / "data"
    data.mkdir(parents=True)
    Path().absolute().chmod(0o555)
    try:
        done = run_python(READ_ONLY + TRAINING, env={"XDG_DATA_HOME": str(data)})
    finally:
        Path().absolute().chmod(0o755)
    assert (done.returncode, done.stderr.count("cannot be written")) == (0, 1), done.stderr
    assert [path.name for path in Path().iterdir()] == ["pyproject.toml"]
    (store,) = data.rglob("steno.db")
    assert len(_runs_in(store)) == 3


def _runs_in(store: Path) -> list[Run]:
    steno.set_tracking_uri(f"sqlite:///{store}")
    return runs()
