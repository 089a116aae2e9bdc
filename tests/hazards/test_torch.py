"""Hazards of torch loops: the loss that was meant at the step that was made, and a program that feels nothing."""

from __future__ import annotations

import copy
import importlib
import io
import pickle
from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
import torch
from torch import nn

import steno
from tests.hazards.conftest import PLUGINS, Site
from tests.hazards.records import curve, points, the_run

Fit = Callable[[Callable[[], Any]], Any]


@pytest.fixture
def fit(installer: str, site: Site) -> Fit:
    """A plugin for torch is installed and on; this is the trainer whose calls are trainings."""
    site.install_file("torch", "torch_loops.py")
    site.write("hazard_trainer.py", (PLUGINS / "hazard_trainer.py").read_text())
    steno.autolog(log_models=False)
    assert steno.status()["torch"].why == "", steno.status()["torch"]
    trainer: Fit = importlib.import_module("hazard_trainer").fit
    assert steno.status()["torch"].state == "on"
    return trainer


def _problem() -> tuple[nn.Module, torch.Tensor, torch.Tensor]:
    torch.manual_seed(0)
    model = nn.Sequential(nn.Linear(4, 8), nn.ReLU(), nn.Linear(8, 3))
    return model, torch.randn(48, 4), torch.randint(0, 3, (48,))


def _close(found: list[tuple[int, float]], values: list[float]) -> bool:
    """The same steps and, in single precision, the same values."""
    return [step for step, _ in found] == list(range(len(values))) and np.allclose(
        [value for _, value in found], values, rtol=1e-6
    )


def test_hazard_75_accumulated_losses_are_one_step(fit: Fit) -> None:
    """With two backward passes a step, a step's loss is their mean."""
    model, X, y = _problem()
    seen: list[float] = []

    def loop() -> None:
        optimizer = torch.optim.SGD(model.parameters(), lr=0.1)
        for number, (part, labels) in enumerate(zip(X.split(8), y.split(8), strict=True)):
            loss = nn.functional.cross_entropy(model(part), labels)
            loss.backward()
            seen.append(loss.item())
            if number % 2:
                optimizer.step()
                optimizer.zero_grad()

    fit(loop)
    run = the_run()
    assert run.data.metrics["steps"] == 3.0
    assert _close(points(run, "loss"), [(seen[n] + seen[n + 1]) / 2 for n in (0, 2, 4)])
    assert points(run, "lr") == curve([0.1] * 3)


def test_hazard_75_two_optimizers_have_their_own_losses(fit: Fit) -> None:
    """Each loss has the name of the user's variable, and steps are counted on the first optimizer."""
    model, X, y = _problem()
    other = nn.Linear(3, 1)
    seen: dict[str, list[float]] = {"err_first": [], "err_second": []}

    def loop() -> None:
        first, second = torch.optim.SGD(model.parameters(), lr=0.1), torch.optim.Adam(other.parameters(), lr=0.01)
        for _ in range(4):
            err_first = nn.functional.cross_entropy(model(X), y)
            err_first.backward()
            first.step()
            err_second = other(model(X).detach()).square().mean()
            err_second.backward()
            second.step()
            seen["err_first"].append(err_first.item())
            seen["err_second"].append(err_second.item())
            first.zero_grad()
            second.zero_grad()

    fit(loop)
    run = the_run()
    assert run.data.metrics["steps"] == 4.0
    for name, values in seen.items():
        assert _close(points(run, name), values)


def test_hazard_75_a_scaler_that_skips_a_step_skips_it_in_the_record(fit: Fit) -> None:
    """The recorded loss is the unscaled one, and a step that overflowed is none."""
    model, X, y = _problem()
    seen: list[float] = []
    skipped = 2

    def loop() -> None:
        optimizer = torch.optim.SGD(model.parameters(), lr=0.1)
        scaler = torch.amp.GradScaler("cpu", init_scale=1024.0)
        for number in range(5):
            optimizer.zero_grad()
            loss = nn.functional.cross_entropy(model(X), y)
            scaler.scale(loss).backward()
            if number == skipped:
                next(model.parameters()).grad[0, 0] = float("inf")
            scaler.step(optimizer)
            scaler.update()
            seen.append(loss.item())

    fit(loop)
    run = the_run()
    assert run.data.metrics["steps"] == 4.0
    # What went backward before a skipped step belongs to the step that came of it.
    expected = [seen[0], seen[1], (seen[2] + seen[3]) / 2, seen[4]]
    assert _close(points(run, "loss"), expected)


def test_hazard_75_a_closure_that_is_called_again_and_again(fit: Fit) -> None:
    """LBFGS calls its closure many times a step: the step's loss is their mean."""
    model, X, y = _problem()
    seen: list[list[float]] = []

    def loop() -> None:
        optimizer = torch.optim.LBFGS(model.parameters(), max_iter=4)

        def closure() -> torch.Tensor:
            optimizer.zero_grad()
            loss = nn.functional.cross_entropy(model(X), y)
            loss.backward()
            seen[-1].append(loss.item())
            return loss

        for _ in range(2):
            seen.append([])
            optimizer.step(closure)

    fit(loop)
    run = the_run()
    assert min(map(len, seen)) > 1
    assert run.data.metrics["steps"] == 2.0
    assert _close(points(run, "loss"), [float(np.mean(values)) for values in seen])


def test_hazard_77_the_loss_is_the_one_that_went_backward(fit: Fit) -> None:
    """A loss tensor that is changed in place after `backward` was recorded as it was at `backward`."""
    model, X, y = _problem()
    seen: list[float] = []

    def loop() -> None:
        optimizer = torch.optim.SGD(model.parameters(), lr=0.1)
        for _ in range(3):
            loss = nn.functional.cross_entropy(model(X), y)
            loss.backward()
            seen.append(loss.item())
            with torch.no_grad():
                loss.zero_()
            optimizer.step()

    fit(loop)
    assert _close(points(the_run(), "loss"), seen)


def _step_whole(model: nn.Module, optimizer: torch.optim.Optimizer, X: torch.Tensor, y: torch.Tensor) -> torch.Tensor:
    optimizer.zero_grad()
    loss = nn.functional.cross_entropy(model(X), y)
    loss.backward()
    optimizer.step()
    return loss.detach()


def _compiled_losses(what: str) -> tuple[list[float], dict[str, int]]:
    """The losses of a compiled loop, and how often its graph was broken for which reason."""
    torch._dynamo.reset()
    torch._dynamo.utils.counters.clear()
    model, X, y = _problem()
    optimizer = torch.optim.SGD(model.parameters(), lr=0.1)
    losses = []
    if what == "model":
        model = torch.compile(model, backend="eager")
    loss_of = nn.functional.cross_entropy
    if what == "fullgraph helper":
        loss_of = torch.compile(nn.functional.cross_entropy, backend="eager", fullgraph=True)
    step = torch.compile(_step_whole, backend="eager") if what == "whole step" else None
    for _ in range(4):
        if step is not None:
            loss = step(model, optimizer, X, y)
        else:
            optimizer.zero_grad()
            loss = loss_of(model(X), y)
            loss.backward()
            optimizer.step()
        losses.append(loss.item())
    return losses, dict(torch._dynamo.utils.counters["graph_break"])


@pytest.mark.filterwarnings("ignore")  # Dynamo's own, about what it cannot trace
@pytest.mark.parametrize("what", ["model", "whole step", "fullgraph helper"])
def test_hazard_76_compiled_code_gives_the_same(installer: str, site: Site, what: str) -> None:
    """`torch.compile` of a model, a step or a helper gives the same losses; compiled models have no new graph break."""
    plain, breaks = _compiled_losses(what)
    site.install_file("torch", "torch_loops.py")
    site.write("hazard_trainer.py", (PLUGINS / "hazard_trainer.py").read_text())
    steno.autolog(log_models=False)
    trainer: Fit = importlib.import_module("hazard_trainer").fit
    losses, breaks_now = trainer(lambda: _compiled_losses(what))
    assert losses == plain
    run = the_run()
    if what != "whole step":
        assert (breaks, breaks_now) == ({}, {})
        assert _close(points(run, "loss"), plain)
        assert run.data.metrics["steps"] == 4.0


@pytest.mark.skipif(not torch.cuda.is_available(), reason="needs a CUDA device")
def test_hazard_78_no_step_waits_for_the_device(fit: Fit) -> None:
    """A loop in which torch forbids every wait for the device runs, and its losses are recorded."""
    device = torch.device("cuda")
    model, X, y = (part.to(device) for part in _problem())
    losses: list[torch.Tensor] = []

    def loop() -> None:
        optimizer = torch.optim.SGD(model.parameters(), lr=0.1)
        torch.cuda.synchronize()
        torch.cuda.set_sync_debug_mode("error")
        try:
            for _ in range(20):
                optimizer.zero_grad()
                loss = nn.functional.cross_entropy(model(X), y)
                loss.backward()
                optimizer.step()
                losses.append(loss.detach().clone())
        finally:
            torch.cuda.set_sync_debug_mode("default")

    fit(loop)
    assert _close(points(the_run(), "loss"), [loss.item() for loss in losses])


@pytest.mark.skipif(not torch.cuda.is_available(), reason="needs a CUDA device")
def test_hazard_77_a_captured_graph_overwrites_no_recorded_loss(fit: Fit) -> None:
    """Losses of a replayed CUDA graph, which all lie in the same memory, are each recorded as they were."""
    device = torch.device("cuda")
    model, X, y = (part.to(device) for part in _problem())
    compiled = torch.compile(model, mode="reduce-overhead")
    seen: list[float] = []

    def loop() -> None:
        optimizer = torch.optim.SGD(model.parameters(), lr=0.1)
        for _ in range(6):
            optimizer.zero_grad()
            loss = nn.functional.cross_entropy(compiled(X), y)
            loss.backward()
            optimizer.step()
            seen.append(loss.item())

    fit(loop)
    assert _close(points(the_run(), "loss"), seen)


def test_hazard_80_optimizers_copy_and_save_as_ever(fit: Fit) -> None:
    """A hooked optimizer copies, pickles and saves as it does without us, and no trace of us is in the bytes."""

    def trained() -> tuple[nn.Module, torch.optim.Optimizer]:
        model, X, y = _problem()
        optimizer = torch.optim.Adam(model.parameters(), lr=0.05)
        for _ in range(2):
            nn.functional.cross_entropy(model(X), y).backward()
            optimizer.step()
        return model, optimizer

    def saved(model: nn.Module, optimizer: torch.optim.Optimizer) -> tuple[bytes, bytes]:
        file = io.BytesIO()
        torch.save({"model": model.state_dict(), "optimizer": optimizer.state_dict()}, file)
        # copied first: torch writes a counter of its pickles nowhere, but shares storages with what is alive
        return file.getvalue(), pickle.dumps(copy.deepcopy(optimizer))

    recorded = saved(*fit(trained))
    _, optimizer = fit(trained)
    loaded = pickle.loads(pickle.dumps(optimizer))
    steno.disable()
    plain = saved(*trained())
    assert recorded[0] == plain[0]
    for data in recorded:
        assert b"steno" not in data
        assert b"wrapt" not in data
    assert [type(each) for each in (loaded, copy.deepcopy(optimizer))] == [torch.optim.Adam] * 2
    assert loaded.state_dict()["param_groups"] == optimizer.state_dict()["param_groups"]
    assert "steno" not in repr(sorted(vars(optimizer))) + repr(optimizer)
