"""The optimizer: options, state, and the order in which a step checks and writes."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable
from dataclasses import replace
from operator import is_
from typing import TYPE_CHECKING, Any, overload

import torch
from torch import Tensor
from torch.optim import Optimizer

from signwise.convex import L1, Convex

from ._apply import apply_
from ._bounds import Keep, effective_noise
from ._certificate import Certificate, StepRecord, combine, group_certificate
from ._compiled import CompiledGroup, compile_obstacle, compiled_device
from ._fused import FusedGroup, obstacle
from ._loading import from_lion_pytorch_, unwrap_, wrap
from ._nonfinite import Counter, NonFiniteGradientError, nonfinite, nonfinite_on_cpu
from ._options import FALLBACKS, NanPolicy, Rounding, check_group, check_parameter, check_product, real, resolve_radius
from ._state import Slot, begin_, measure_
from ._step import Cautious, Decay, Rule
from ._vote import Buffers, Ties, Vote, check_votable, make_poll, total
from ._vote_step import check_alike, every_slot, vote_step_

if TYPE_CHECKING:
    from torch.distributed import ProcessGroup

ParamsT = Iterable[Tensor] | Iterable[dict[str, Any]] | Iterable[tuple[str, Tensor]]
_L1 = L1()


class LionK(Optimizer):
    r"""Minimise f(x) + K*(λx)/λ by steps along a subgradient of K at the momentum, with decoupled decay λ.

    .. math:: c = \beta_1 m + (1-\beta_1) g, \quad u = \partial K(-c), \quad
              x_+ = (1-\eta\lambda)x + \eta u, \quad m_+ = \beta_2 m + (1-\beta_2) g

    The set C = dom K* is a constraint: λx ∈ C. For K = L1 this is Lion, and no weight
    exceeds 1/λ in size. The first step has full size: there is no bias correction.

    A parameter without a gradient is left alone, decay included. Complex parameters are pairs of real numbers:
    a spectral K sees a matrix Z of shape (m, n) as the real (m, 2n), whose norm is at most ‖Z‖ and at least ‖Z‖/√2,
    and certificates are about that.
    Momentum of 16-bit weights is float32 unless `momentum_dtype` says otherwise.

    Args:
        params: parameters, named parameters, or param groups. `lr`, `betas`, `weight_decay` or `radius`, `kappa`
            and every other option may differ by group.
        lr: η, 3 to 10 times below what AdamW uses; a tensor of one element is read each step.
        betas: (β₁, β₂), the weights of the old momentum in the direction and in the new momentum.
        weight_decay: λ, 3 to 10 times above what AdamW uses.
        kappa: K, from :mod:`signwise.convex` or of your own.
        radius: 1/λ, instead of `weight_decay`.
        foreach: use torch's multi-tensor operations; None does on CUDA.
        fused: use the native kernel on the CPU, and on CUDA a graph of ``torch.compile``; None does where it can.
            True raises RuntimeError where it cannot.
        capturable: keep every number of a step on the device, for CUDA graphs and ``torch.compile``. A tensor
            lr must be on the parameters' device, and neither lr·λ ≤ 1 nor gradients are checked.
        maximize: maximise f.
        momentum_dtype: torch.bfloat16 (2 bytes an element) or torch.int8 (1 byte, and 4 for every 256).
        rounding: "auto" rounds what is narrower than float32 stochastically, "nearest" to nearest.
        cautious: "mask" drops coordinates that move against the gradient's sign, c·g ≤ 0; "rescale" also
            divides by the mean of the mask, at least 1e-3.
        decay: "plain", or "cautious" to decay only where u·x ≤ 0; that minimises f itself.
        nan_policy: for NaN and infinite gradients. "count" steps by IEEE arithmetic, counts them in
            `nonfinite_gradients` and warns; "raise" raises :class:`NonFiniteGradientError` before anything
            changes; "skip" leaves out the whole step.
        certify: keep the sums that :meth:`certificate` needs for a gap and a Lyapunov slack: of every step (True), or
            of each k-th one (k), which costs a k-th of the time.
        seed: of stochastic rounding, and of the coin.
        process_group: processes that vote on every step, such as ``torch.distributed.group.WORLD`` (which is None
            before ``init_process_group``). Each has gradients of its own, not averaged, and momentum of its own; all
            take the same step. K = L1 only. A process without a gradient that another has counts as having
            zeros. Not in the state dict; save that of every rank (:func:`mean_momentum`).
        vote: "majority" steps along the sign of the sum of the processes' signs, "mean" along their mean.
        ties: what an even split of votes does: "abstain" leaves the coordinate to the decay, "coin" draws a sign.

    Raises:
        ValueError: an option is out of range, or lr·weight_decay exceeds 1 in a step.
        RuntimeError: a gradient is sparse, or processes that vote start from different weights or options.

    Warns:
        UserWarning: β₁ > β₂, or weights that start outside the constraint set.

    References:
        arXiv 2310.05898 (Lion-K), 2302.06675 (Lion).

    Example:
        >>> import torch
        >>> from signwise.optim import LionK
        >>> x = torch.nn.Parameter(torch.zeros(2))
        >>> optimizer = LionK([x], lr=0.01, radius=0.5)
        >>> def closure():
        ...     optimizer.zero_grad()
        ...     loss = (x - torch.tensor([0.2, 3.0])).square().sum()
        ...     loss.backward()
        ...     return loss
        >>> for _ in range(1000):
        ...     _ = optimizer.step(closure)
        >>> x.detach().round(decimals=1)
        tensor([0.2000, 0.5000])
        >>> optimizer.certificate(closure).guarantee
        'set'
    """

    def __init__(
        self,
        params: ParamsT,
        lr: float | Tensor,
        betas: tuple[float, float] = (0.9, 0.99),
        weight_decay: float = 0.0,
        kappa: Convex = _L1,
        *,
        radius: float | None = None,
        foreach: bool | None = None,
        fused: bool | None = None,
        capturable: bool = False,
        maximize: bool = False,
        momentum_dtype: torch.dtype | None = None,
        rounding: Rounding = "auto",
        cautious: Cautious | None = None,
        decay: Decay = "plain",
        nan_policy: NanPolicy = "count",
        certify: bool | int = False,
        seed: int = 0,
        process_group: ProcessGroup | None = None,
        vote: Vote = "majority",
        ties: Ties = "abstain",
    ) -> None:
        self._poll = make_poll(process_group, vote, ties)
        defaults = {
            "lr": lr,
            "betas": betas,
            "weight_decay": weight_decay,
            "kappa": kappa,
            "radius": radius,
            "foreach": foreach,
            "fused": fused,
            "capturable": capturable,
            "maximize": maximize,
            "momentum_dtype": momentum_dtype,
            "rounding": rounding,
            "cautious": cautious,
            "decay": decay,
            "nan_policy": nan_policy,
            "certify": certify,
            "seed": seed,
        }
        resolve_radius(defaults)
        self._forget()
        super().__init__(params, defaults)

    def _forget(self) -> None:
        """Start what is not part of a checkpoint: the counter, the losses of the last two steps, native plans."""
        self._counter = Counter()
        self._record: StepRecord | None = None
        self._complete: StepRecord | None = None
        # The steps taken, once it is asked for.
        self._taken: int | None = None
        self._fused: dict[int, FusedGroup] = {}
        self._compiled: dict[int, CompiledGroup] = {}
        # The states that the last step left, to see whether they have been replaced since.
        self._states: list[dict[str, Any]] = []
        # Whether the processes of a vote have been seen to hold the same weights and options.
        self._alike = False
        self._buffers = Buffers()

    def __getstate__(self) -> dict[str, Any]:
        return {**super().__getstate__(), "_poll": self._poll}

    def __setstate__(self, state: dict[str, Any]) -> None:
        self.__dict__.setdefault("_poll", None)
        before = self.__dict__.get("param_groups", [])
        super().__setstate__(state)
        unwrap_(self.state)
        for number, group in enumerate(self.param_groups):
            from_lion_pytorch_(group)
            current = before[number] if number < len(before) else {}
            for option, fallback in FALLBACKS.items():
                group.setdefault(option, current.get(option, fallback))
        self._forget()

    @torch._disable_dynamo  # type: ignore[attr-defined]
    def load_state_dict(self, state_dict: dict[str, Any]) -> None:
        """Load a state dict of this class or of ``lion_pytorch.Lion``, every tensor in the dtype it was saved in.

        torch's own method casts state to the parameters' dtype, float32 momentum to bfloat16 for example.
        Options that the state dict lacks stay as they are. The tensors are copied.
        """
        # As the last hook it sees what the user's hooks return.
        handle = self.register_load_state_dict_pre_hook(lambda _, loaded: wrap(loaded))
        try:
            super().load_state_dict(state_dict)
        finally:
            handle.remove()

    def add_param_group(self, param_group: dict[str, Any]) -> None:
        """Add parameters, with options of their own; ``radius`` may stand for ``weight_decay``."""
        if not isinstance(param_group, dict):
            raise TypeError(f"param_group must be a dict with the key 'params', got {type(param_group).__name__}")
        group = dict(param_group)
        resolve_radius(group)
        super().add_param_group(group)
        try:
            check_group(group)
            if self._poll is not None:
                check_votable(group)
                self._alike = False
            reason = None
            if group["fused"]:
                elsewhere = bool(group["params"]) and all(map(compiled_device, group["params"]))
                reason = (compile_obstacle if elsewhere else obstacle)(rule_of(group), group)
            if reason is not None:
                raise RuntimeError(f"fused=True is not possible: {reason}; leave fused=None")
            names = group.get("param_names", [f"parameter {number}" for number in range(len(group["params"]))])
            for name, p in zip(names, group["params"], strict=True):
                check_parameter(p, group, name)
        except Exception:
            self.param_groups.pop()
            raise

    @overload
    def step(self, closure: None = None) -> None: ...

    @overload
    def step(self, closure: Callable[[], float]) -> float: ...

    @torch.no_grad()
    def step(self, closure: Callable[[], float] | None = None) -> float | None:
        """Take one step with the gradients that are there.

        Args:
            closure: clears the gradients, computes the loss and its gradients, and returns the loss.

        Returns:
            What `closure` returned, or None.
        """
        loss = None
        if closure is not None:
            with torch.enable_grad():
                loss = closure()
        rules = [rule_of(group) for group in self.param_groups]
        taken = self._taken_before()
        keeps = self._keeps(taken, with_loss=loss is not None)
        ready = self._ready(rules)
        if ready is not None:
            found = self._again(ready, rules, loss, keeps, taken)
            self._counter.note(found)
            return loss
        slots = self._slots()
        poll = self._poll if self._poll is not None and self._poll.size > 1 else None
        if poll is not None:
            everyone = every_slot(self.param_groups, self.state, slots)
            if not self._alike:
                check_alike(everyone, rules, self.param_groups, poll)
                self._alike = True
        if not self._admits(slots):
            return loss
        if poll is not None:
            grads = [
                slot.g
                for group, some in zip(self.param_groups, slots, strict=True)
                for slot in some
                if group["nan_policy"] == "count"
            ]
            vote_step_(everyone, rules, self.param_groups, poll, self._buffers)
            self._counter.note(self._counter.add(grads, captured=False))
            return loss
        self._note_loss(loss)
        found = first = 0
        for number, (group, rule, some, keep) in enumerate(zip(self.param_groups, rules, slots, keeps, strict=True)):
            if some:
                begin_(some, rule, momentum_dtype=group["momentum_dtype"], capturable=group["capturable"])
                fused = self._fused.setdefault(number, FusedGroup())
                rest, count = fused.step_(some, rule, group, keep=keep, taken=taken, first=first)
                found += count
                if rest and group["nan_policy"] == "count":
                    found += self._counter.add([slot.g for slot in rest], captured=group["capturable"])
                compiled = self._compiled.setdefault(number, CompiledGroup())
                apply_(rest, rule, group, compiled, keep=keep, taken=taken)
            first += len(group["params"])
        self._states = list(self.state.values())
        self._counter.note(found)
        self._count(any(slots))
        if loss is not None and all(keep == "step" for keep in keeps):
            sums = tuple(slot.state["certificate"].clone() for some in slots for slot in some)
            self._record = StepRecord(loss=self._signed(loss), sums=sums)
        return loss

    def _taken_before(self) -> int:
        """How many steps certificates count before this one; that of captured groups is on the device."""
        if self._taken is None:
            if not any(group["certify"] and not group["capturable"] for group in self.param_groups):
                return 0
            steps = (state.get("step") for state in self.state.values())
            self._taken = max((step for step in steps if isinstance(step, int)), default=0)
        return self._taken

    def _count(self, stepped: bool) -> None:
        if self._taken is not None:
            self._taken += stepped

    def _keeps(self, taken: int, *, with_loss: bool) -> list[Keep]:
        """By group, which sums the step after so many keeps."""
        due = [bool(group["certify"]) and (taken + 1) % group["certify"] == 0 for group in self.param_groups]
        # A slack is about all groups together, and a captured step has no loss.
        whole = with_loss and all(due) and not any(group["capturable"] for group in self.param_groups)
        return [("step" if whole else "gap") if one else None for one in due]

    def _ready(self, rules: list[Rule]) -> list[tuple[int, Any]] | None:
        """By group, the addresses for its native step if all groups take the last one again, else None.

        A list of thousands of small tensors spends its time in Python code for each, which this spares.
        """
        if self._poll is not None or not self._fused:
            return None
        states = list(self.state.values())
        if len(states) != len(self._states) or not all(map(is_, states, self._states)):
            return None
        result: list[tuple[int, Any]] = []
        first = 0
        for number, (group, rule) in enumerate(zip(self.param_groups, rules, strict=True)):
            fused = self._fused.get(number)
            if fused is not None:
                pointers = fused.ready(rule, group, first)
                if pointers is None:
                    return None
                result.append((number, pointers))
            elif any(p.grad is not None for p in group["params"]):
                return None
            first += len(group["params"])
        return result

    def _again(
        self,
        ready: list[tuple[int, Any]],
        rules: list[Rule],
        loss: float | Tensor | None,
        keeps: list[Keep],
        taken: int,
    ) -> int:
        """Take the step that is ready; return how many gradient entries were NaN or infinite and let pass."""
        admitted = True
        for number, pointers in ready:
            group = self.param_groups[number]
            if group["nan_policy"] != "count":
                admitted = self._admit(self._fused[number].count_nonfinite(pointers), group) and admitted
        if not admitted:
            return 0
        self._note_loss(loss)
        found = 0
        for number, pointers in ready:
            group, fused = self.param_groups[number], self._fused[number]
            found += fused.again_(pointers, rules[number], group, keep=keeps[number], taken=taken)
        self._count(bool(ready))
        if loss is not None and all(keep == "step" for keep in keeps):
            sums = tuple(self._fused[number].sums.clone() for number, _ in ready)
            self._record = StepRecord(loss=self._signed(loss), sums=sums)
        return found

    def _slots(self) -> list[list[Slot]]:
        """The parameters with gradients, by group."""
        states, strided = self.state, torch.strided
        result, number = [], 0
        for group in self.param_groups:
            some: list[Slot] = []
            for p in group["params"]:
                g = p.grad
                if g is not None:
                    if g.layout is not strided:
                        raise RuntimeError(
                            f"LionK does not support sparse gradients (parameter {number} has layout {g.layout}): "
                            "momentum moves every row in every step; use sparse=False in the embedding"
                        )
                    complex_ = p.is_complex()
                    some.append(Slot(p, real(p) if complex_ else p, real(g) if complex_ else g, states[p], number))
                number += 1
            result.append(some)
        return result

    def _admits(self, slots: list[list[Slot]]) -> bool:
        """Apply the policies for NaN and infinite gradients; False if the step is to be left out."""
        admitted = True
        poll = self._poll
        for group, some in zip(self.param_groups, slots, strict=True):
            if group["nan_policy"] == "count" or not (some or poll):
                continue
            grads = [slot.g for slot in some]
            on_cpu = all(g.device.type == "cpu" for g in grads)
            found = nonfinite_on_cpu(grads) if on_cpu else sum(int(nonfinite([g])) for g in grads)
            if poll is not None and group["params"]:
                # What one process refuses, all do: a vote needs every one.
                found = total(found, poll, poll.device(group["params"][0]))
            admitted = self._admit(found, group) and admitted
        return admitted

    @staticmethod
    def _admit(found: int, group: dict[str, Any]) -> bool:
        if found and group["nan_policy"] == "raise":
            raise NonFiniteGradientError(
                f"{found} gradient entries are NaN or infinite; nothing was changed. "
                "Look for their origin with torch.autograd.detect_anomaly, or use nan_policy='skip'"
            )
        return not found

    def _note_loss(self, loss: float | Tensor | None) -> None:
        """The loss before this step is the loss after the last one."""
        before, self._record = self._record, None
        if before is not None:
            self._complete = None if loss is None else replace(before, loss_after=self._signed(loss))

    def _signed(self, loss: float | Tensor) -> float:
        """The loss as it is minimised; NaN if some groups maximise it and others do not."""
        signs = {-1.0 if group["maximize"] else 1.0 for group in self.param_groups}
        value = loss.item() if isinstance(loss, Tensor) else float(loss)
        return value * signs.pop() if len(signs) == 1 else math.nan

    def certificate(self, closure: Callable[[], float] | None = None, smoothness: float | None = None) -> Certificate:
        """What is known of the weights: distance to the constraint set, optimality gap, Lyapunov slack.

        Args:
            closure: clears the gradients, computes the loss and its gradients at the present weights, and returns
                the loss. With it `gap` is about the present weights. Without one it is about those before the
                last certified step, and needs ``certify``.
            smoothness: L, a Lipschitz constant of the loss's gradient, for `lyapunov_slack`. A slack also needs
                ``certify`` and the loss on both sides of a step: from ``step(closure)`` before it, and after
                it from `closure` here or from the next ``step(closure)``.

        Returns:
            A :class:`Certificate`; fields that cannot be known are None.
        """
        record = self._complete
        if closure is not None:
            with torch.enable_grad():
                loss = closure()
            record = None if self._record is None else replace(self._record, loss_after=self._signed(loss))
        steps = max((int(state["step"]) for state in self.state.values() if "step" in state), default=0)
        parts = [
            group_certificate(group, rule_of(group), self.state, steps=steps, fresh=closure is not None)
            for group in self.param_groups
        ]
        return combine(parts, record=record, smoothness=smoothness)

    @torch.no_grad()
    def reset_certificate(self) -> None:
        """Measure the distances anew; call it after weights or kappa were changed by hand."""
        self._record = self._complete = None
        for group in self.param_groups:
            for p in group["params"]:
                if "step" in self.state.get(p, {}):
                    measure_(real(p), self.state[p], rule_of(group), capturable=group["capturable"])

    def effective_noise(self, sigma: float, group: int = 0) -> float:
        """The noise of the direction under gradient noise `sigma` per coordinate, for the betas of a group.

        See :func:`signwise.optim.effective_noise`.
        """
        return effective_noise(sigma, self.param_groups[group]["betas"])

    @property
    def nonfinite_gradients(self) -> int:
        """How many NaN or infinite gradient entries ``nan_policy="count"`` has let pass in this process."""
        return self._counter.total()


def rule_of(group: dict[str, Any]) -> Rule:
    """The rule that the options of a group amount to now."""
    lr = group["lr"]
    if isinstance(lr, Tensor):
        lr = lr.reshape(()) if group["capturable"] else lr.item()
    if not isinstance(lr, Tensor):
        check_product(lr, group["weight_decay"])
    beta1, beta2 = group["betas"]
    return Rule(
        eta=lr,
        weight_decay=group["weight_decay"],
        beta1=beta1,
        beta2=beta2,
        kappa=group["kappa"],
        cautious=group["cautious"],
        decay=group["decay"],
        maximize=group["maximize"],
    )
