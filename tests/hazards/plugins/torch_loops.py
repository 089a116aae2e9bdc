"""A plugin for torch, for the hazard tests: what a loop inside `hazard_trainer.fit` does is one run."""

from __future__ import annotations

import weakref
from collections.abc import Callable, Iterator
from typing import Any

from steno.plugin import Call, Integration, classes, hookimpl, observe, train


class _Loop:
    """Losses since the last step, and the curves until now; tensors all of them, so that no device is waited for."""

    def __init__(self) -> None:
        self.steps = 0
        self.first: Any = None
        self.pending: dict[str, list[Any]] = {}
        self.curves: dict[str, list[tuple[int, Any]]] = {}
        self.rates: list[float] = []

    def stepped(self, optimizer: Any) -> None:
        """An optimizer has stepped; steps are counted on the first one."""
        if self.first is None:
            self.first = weakref.ref(optimizer)
        if self.first() is optimizer:
            self.steps += 1
            self.rates.append(optimizer.param_groups[0]["lr"])
        for name, losses in self.pending.items():
            mean = losses[0] if len(losses) == 1 else sum(losses[1:], losses[0]) / len(losses)
            self.curves.setdefault(name, []).append((self.steps - 1, mean))
        self.pending.clear()


class Torch(Integration):
    """The loss where it goes backward, the steps where optimizers step, the unscaled loss where it is scaled."""

    name, requires, owns = "torch", "torch>=2.4", ("torch",)

    def __init__(self) -> None:
        self._loops: dict[str, _Loop] = {}
        self._scaled: list[tuple[weakref.ref[Any], Any, str | None]] = []

    @train("hazard_trainer:fit")
    def training(self, call: Call) -> Iterator[None]:
        """All of a loop."""
        import torch

        run = call.run
        loop = self._loops[run.run_id] = _Loop()
        yield
        del self._loops[run.run_id]
        for name, points in loop.curves.items():
            values = torch.stack([value.float() for _, value in points]).to("cpu").tolist()
            run.curve(name, values, [step for step, _ in points])
        run.metrics({"steps": loop.steps})
        run.curve("lr", loop.rates)

    @observe("torch.autograd:backward")
    def went_backward(self, call: Call, _result: Any) -> None:
        """A loss has gone backward. Its value is copied: the user may change the tensor, and CUDA graphs do."""
        import torch

        if torch.compiler.is_compiling():
            return
        tensors = call.args[0] if call.args else call.arg("tensors")
        tensor = tensors[0] if isinstance(tensors, (list, tuple)) else tensors
        name = call.variable(tensor)
        for scaled, loss, called in self._scaled:
            if scaled() is tensor:
                tensor, name = loss, called
        self._scaled.clear()
        loop = self._loops.get(call.run.run_id)
        if loop is not None:
            loop.pending.setdefault(name or "loss", []).append(tensor.detach().clone())

    @observe("torch.amp.grad_scaler:GradScaler.scale")
    def scaled(self, call: Call, result: Any) -> None:
        """A loss was scaled: the one that is recorded is the one before."""
        loss = call.args[0]
        if not isinstance(loss, (list, tuple)):
            self._scaled.append((weakref.ref(result), loss, call.variable(loss)))

    @observe(classes("torch.optim.optimizer:Optimizer", methods=("step",)))
    def stepped(self, call: Call, _result: Any) -> None:
        """An optimizer has stepped. A scaler that skips a step does not call it."""
        import torch

        loop = self._loops.get(call.run.run_id)
        if loop is not None and not torch.compiler.is_compiling():
            loop.stepped(call.self)


@hookimpl
def steno_integrations(register: Callable[[Integration], None]) -> None:
    """Register the integration."""
    register(Torch())
