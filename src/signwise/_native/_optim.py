"""The fused Lion-K step: checks of the tensors, one kernel call for a whole list of parameters.

A :class:`FusedPlan` keeps the addresses of parameters and momentum, so that a step of thousands of small tensors
costs one call. The kernel is defined by fused multiply-adds; where the processor has none, or the extension was not
built, :func:`fused_available` is False and the caller computes with torch, with the same bits for those K that are
made of + − × and comparisons.

For each tensor with a gradient, all from the momentum m before the step (η = lr, λ = weight_decay, s = kappa_scale):

1. g = gradient, negated by ``maximize``
2. c = fma(g, 1−β₁, m·β₁)
3. v = s·∂K(c) for even K, −s·∂K(−c) in general; ``cautious="mask"``: v·[sign(c)·g > 0]
4. x' = x·(1−ηλ); ``decay="cautious"``: only where sign(v)·x ≥ 0, v after the mask and x before the step
5. x = fma(v, −η, x'); m = fma(g, 1−β₂, m·β₂)

in float32, or in float64 for float64 parameters; scalars are computed in double and rounded once. ∂K in that
precision: DeadZone is sign(c)·[|c| > ε], Huber clip(c·(1/ε), ±1), SmoothedL1 erf(c·(1/√2s)), PseudoHuber
c/√(1+c²) for |c| ≤ 1 and sign(c)/√(1+(1/c)²) beyond, GroupL2 c/‖c‖ with the norm and the quotient in float64.

bfloat16 parameters and momentum are widened exactly and rounded when stored. Stochastic rounding adds the low 16 bits
of ``mix(index ^ mix(step ^ mix(seed)))`` (uint32; index in the flattened tensor) below the kept ones of the float32
pattern and truncates; weights and momentum have seeds of their own. Infinity and NaN stay what they are.
int8 momentum has blocks of 256 flattened entries, scale = max|m|/127 in float32, and codes
clip(floor(m/scale + bits·2⁻¹⁶), ±127), or rint(m/scale) without stochastic rounding; a block with a NaN or an infinity
holds zeros and that scale, so that it reads as NaN.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from operator import attrgetter, is_
from typing import TYPE_CHECKING, Any, Literal

import numpy as np
import numpy.typing as npt

from ._runtime import core, num_threads

if TYPE_CHECKING:
    from torch import Tensor

Pointers = npt.NDArray[np.uint64]
Counts = npt.NDArray[np.int64]

#: K by class name in ``signwise.convex``: the kernel's number and the attributes that are its ``kappa_args``.
KAPPAS: dict[str, tuple[int, tuple[str, ...]]] = {
    "L1": (0, ()),
    "DeadZone": (1, ("eps",)),
    "Huber": (2, ("eps",)),
    "LogCosh": (3, ()),
    "PseudoHuber": (4, ()),
    "SmoothedL1": (5, ("scale",)),
    "AsymmetricBox": (6, ("low", "high")),
    "HalfSquare": (7, ()),
    "GroupL2": (8, ()),
}

#: The columns of :attr:`FusedResult.sums`; M = −m, M̃ = −c, y = λx,
#: u = ∂K(M̃), masked if cautious; "after" is the state that the step leaves, as it is stored.
SUMS = (
    "k_gradient",  # ΣK(−g)
    "conjugate_before",  # ΣK*(y), y clipped to C
    "x_gradient",  # ⟨x, g⟩
    "distance_squared",  # dist(y₊, C)²
    "k_momentum_before",  # ΣK(M); from here to step_squared only with certify="step"
    "x_momentum_before",  # ⟨x, m⟩ = −⟨x, M⟩
    "conjugate_after",  # ΣK*(y₊), y₊ clipped to C
    "k_momentum_after",  # ΣK(M₊)
    "x_momentum_after",  # ⟨x₊, m₊⟩
    "delta_weights",  # ⟨M̃ − w₊, u − y₊⟩, w₊ ∈ ∂K*(y₊)
    "delta_momentum",  # ⟨M̃ − M₊, u − ∂K(M₊)⟩
    "step_squared",  # ‖x₊ − x‖²
    "gauge_before",  # the gauge of y: C is the set where it is at most 1; AsymmetricBox(l, u), whose set need not
    "gauge_after",  # hold 0: 0 inside, else 1 + max|y − clip(y)|/max(|l|, |u|); of y₊
)
_SCALED = [
    SUMS.index(name)
    for name in (
        "k_gradient",
        "conjugate_before",
        "k_momentum_before",
        "conjugate_after",
        "k_momentum_after",
        "delta_weights",
        "delta_momentum",
    )
]
_DISTANCE = SUMS.index("distance_squared")

_TYPES = {"torch.float32": 0, "torch.float64": 1, "torch.bfloat16": 2, "torch.int8": 3}
_PAIRS = ((0, 0), (0, 2), (0, 3), (1, 1), (2, 0), (2, 2), (2, 3))
MOMENTUM_BLOCK = 256

# For lists of thousands of tensors: a map over these runs no Python code for each, and what it touches of a batch
# stays in the cache for the next map.
_BATCH = 128
_DTYPE, _IS_CPU = map(attrgetter, ("dtype", "is_cpu"))


def fused_available() -> bool:
    """Whether there is a fused step here: the extension, and a processor with fused multiply-add."""
    native = core()
    return native is not None and bool(native.optim_available())


@dataclass(frozen=True, kw_only=True)
class FusedResult:
    """What a fused step found.

    Args:
        nonfinite: how many gradient entries were NaN or infinite.
        applied: False if the step was left out because of them, and nothing was written.
        sums: float64, shape ``(tensors, len(SUMS))``, the columns of :data:`SUMS` with K scaled by
            ``kappa_scale``; zeros for tensors without a gradient. None unless asked for.
    """

    nonfinite: int
    applied: bool
    sums: npt.NDArray[np.float64] | None


def _type(tensor: Tensor, name: str, i: int, allowed: Sequence[int]) -> int:
    code = _TYPES.get(str(tensor.dtype))
    if code is None or code not in allowed:
        names = ", ".join(text.removeprefix("torch.") for text, number in _TYPES.items() if number in allowed)
        raise TypeError(f"{name}[{i}] has dtype {tensor.dtype}; the fused step takes {names}")
    if str(tensor.layout) != "torch.strided" or tensor.device.type != "cpu":
        raise ValueError(
            f"{name}[{i}] must be a dense CPU tensor, got layout {tensor.layout} on {tensor.device}; "
            "use fused=False for it"
        )
    return code


def _dense(tensor: Tensor) -> bool:
    """Whether the elements fill one stretch of memory, in any order of the dimensions."""
    expected = 1
    for stride, size in sorted((s, n) for s, n in zip(tensor.stride(), tensor.shape, strict=True) if n != 1):
        if stride != expected:
            return False
        expected *= size
    return True


def _scale_addresses(scales: Sequence[Tensor | None]) -> list[int]:
    return [0 if scale is None else scale.data_ptr() for scale in scales]


class FusedPlan:
    """The addresses of a list of parameters and their momentum, for steps of all in one call.

    The plan keeps the tensors alive. Make a new one when a parameter's storage changes (:meth:`holds`).

    Args:
        params: tensors of float32, bfloat16 or float64 on the CPU, dense in any order of dimensions; with
            bfloat16 or int8 on either side contiguous, since rounding and blocks go by the flattened index.
        momenta: of the same shapes and strides. float32 parameters take float32, bfloat16 or int8 momentum,
            bfloat16 the same, float64 only float64. int8 momentum may have any shape of as many elements.
        scales: for each parameter the float32 scales of int8 momentum, ``ceil(numel / 256)`` of them, or
            None. May be left out where no momentum is int8.
        weight_seeds, momentum_seeds: integers, one a tensor, for the hash of stochastic rounding; 0 if left out.

    Raises:
        RuntimeError: there is no fused step here.
        TypeError, ValueError: a tensor has a dtype, device or layout that the kernel does not take.

    Example:
        >>> import torch
        >>> from signwise._native._optim import FusedPlan, fused_available
        >>> x, m, g = torch.ones(3), torch.zeros(3), torch.tensor([2.0, 0.0, -1.0])
        >>> if fused_available():
        ...     plan = FusedPlan([x], [m])
        ...     result = plan.step(plan.gradients([g]), lr=0.5, beta1=0.9, beta2=0.99, weight_decay=0.0)
        ...     assert x.tolist() == [0.5, 1.0, 1.5]
    """

    def __init__(
        self,
        params: Sequence[Tensor],
        momenta: Sequence[Tensor],
        scales: Sequence[Tensor | None] | None = None,
        *,
        weight_seeds: Sequence[int] | None = None,
        momentum_seeds: Sequence[int] | None = None,
    ) -> None:
        native = core()
        if native is None or not native.optim_available():
            raise RuntimeError("there is no fused step here; check fused_available() and compute with torch")
        count = len(params)
        scales = [None] * count if scales is None else scales
        weight_seeds = [0] * count if weight_seeds is None else weight_seeds
        momentum_seeds = [0] * count if momentum_seeds is None else momentum_seeds
        for name, given in (
            ("momenta", momenta),
            ("scales", scales),
            ("weight_seeds", weight_seeds),
            ("momentum_seeds", momentum_seeds),
        ):
            if len(given) != count:
                raise ValueError(f"{name} has {len(given)} entries for {count} params")
        # The functions themselves: a map over them costs half of one over methodcaller.
        from torch import Tensor

        self._data_ptr, self._numel, self._is_contiguous = Tensor.data_ptr, Tensor.numel, Tensor.is_contiguous
        self._params, self._momenta, self._scales = list(params), list(momenta), list(scales)
        x_types = [_type(x, "params", i, (0, 1, 2)) for i, x in enumerate(params)]
        m_types = [_type(m, "momenta", i, (0, 1, 2, 3)) for i, m in enumerate(momenta)]
        for i, pair in enumerate(zip(x_types, m_types, strict=True)):
            self._check(i, pair)
        self._dtypes = [x.dtype for x in params]
        self._contiguous = [x.is_contiguous() for x in params]
        self._strides = [(i, x.stride()) for i, x in enumerate(params) if not self._contiguous[i]]
        self._sizes = np.array([x.numel() for x in params], np.int64)
        self._numels = self._sizes.tolist()
        self._addresses = self._now(params, momenta, scales)
        self._steps = np.zeros(count, np.int64)
        x, m, scale = (np.array(row, np.int64).reshape(count) for row in self._addresses)
        self._plan = native.OptimPlan(
            x,
            m,
            scale,
            self._sizes,
            np.array(x_types, np.int64),
            np.array(m_types, np.int64),
            np.array([seed & 0xFFFFFFFF for seed in weight_seeds], np.int64),
            np.array([seed & 0xFFFFFFFF for seed in momentum_seeds], np.int64),
        )

    def _check(self, i: int, pair: tuple[int, int]) -> None:
        x, m, scale = self._params[i], self._momenta[i], self._scales[i]
        if pair not in _PAIRS:
            raise TypeError(f"params[{i}] of {x.dtype} cannot have momentum of {m.dtype}; use float32 or {x.dtype}")
        if m.numel() != x.numel():
            raise ValueError(f"momenta[{i}] has {m.numel()} elements, params[{i}] has {x.numel()}")
        if pair[1] == 3:
            blocks = -(-x.numel() // MOMENTUM_BLOCK)
            if scale is None:
                raise ValueError(f"momenta[{i}] is int8 and needs scales[{i}] of {blocks} float32 values")
            _type(scale, "scales", i, (0,))
            if scale.numel() != blocks or not scale.is_contiguous():
                raise ValueError(f"scales[{i}] must be contiguous with {blocks} values, got shape {tuple(scale.shape)}")
        elif scale is not None:
            raise ValueError(f"scales[{i}] is given for momentum of {m.dtype}; only int8 has scales")
        elif m.shape != x.shape or m.stride() != x.stride():
            raise ValueError(
                f"momenta[{i}] has shape {tuple(m.shape)} and strides {m.stride()}, params[{i}] has "
                f"{tuple(x.shape)} and {x.stride()}; make it with torch.zeros_like"
            )
        if not (_dense(x) if pair in ((0, 0), (1, 1)) else x.is_contiguous() and m.is_contiguous()):
            raise ValueError(f"params[{i}] has strides {x.stride()} for shape {tuple(x.shape)}; use fused=False for it")

    def _now(
        self, params: Sequence[Tensor], momenta: Sequence[Tensor], scales: Sequence[Tensor | None]
    ) -> tuple[list[int], list[int], list[int]]:
        return (
            list(map(self._data_ptr, params)),
            list(map(self._data_ptr, momenta)),
            _scale_addresses(scales),
        )

    def __len__(self) -> int:
        return len(self._params)

    def holds(
        self, params: Sequence[Tensor], momenta: Sequence[Tensor], scales: Sequence[Tensor | None] | None = None
    ) -> bool:
        """Whether the plan is for these tensors, and their storage and shape are what they were."""
        count = len(self._params)
        scales = self._scales if scales is None else scales
        return (
            len(params) == len(momenta) == len(scales) == count
            and all(
                self._holds(params[i : i + _BATCH], momenta[i : i + _BATCH], scales[i : i + _BATCH], i)
                for i in range(0, count, _BATCH)
            )
            and all(params[i].stride() == stride for i, stride in self._strides)
        )

    def _holds(
        self, params: Sequence[Tensor], momenta: Sequence[Tensor], scales: Sequence[Tensor | None], begin: int
    ) -> bool:
        batch = slice(begin, begin + len(params))
        addresses = self._addresses
        return (
            all(map(is_, params, self._params[batch]))
            and all(map(is_, momenta, self._momenta[batch]))
            and all(map(is_, scales, self._scales[batch]))
            and addresses[0][batch] == list(map(self._data_ptr, params))
            and self._numels[batch] == list(map(self._numel, params))
            and self._contiguous[batch] == list(map(self._is_contiguous, params))
            and addresses[1][batch] == list(map(self._data_ptr, momenta))
            and addresses[2][batch] == _scale_addresses(scales)
        )

    def quick_gradients(self, grads: Sequence[Tensor | None]) -> Pointers | None:
        """The result of :meth:`gradients` if all are there, contiguous, and of their parameters' dtype; else None."""
        if len(grads) != len(self._params) or not all(self._contiguous):
            return None
        pointers: list[int] = []
        try:
            for begin in range(0, len(grads), _BATCH):
                batch = slice(begin, begin + _BATCH)
                some: Sequence[Any] = grads[batch]
                if (
                    self._dtypes[batch] != list(map(_DTYPE, some))
                    or not all(map(_IS_CPU, some))
                    or not all(map(self._is_contiguous, some))
                    or self._numels[batch] != list(map(self._numel, some))
                ):
                    return None
                pointers += map(self._data_ptr, some)
        except (AttributeError, RuntimeError):
            # None has no dtype, and a sparse tensor no address.
            return None
        return np.array(pointers, np.uint64)

    def gradients(self, grads: Sequence[Tensor | None]) -> Pointers:
        """The addresses of gradients, checked against the parameters; None gives 0 and no step.

        Returns:
            uint64, shape ``(len(self),)``. Valid as long as the gradients' storage is.
        """
        if len(grads) != len(self._params):
            raise ValueError(f"grads has {len(grads)} entries for {len(self._params)} params")
        quick = self.quick_gradients(grads)
        if quick is not None:
            return quick
        pointers = [
            0
            if g is None
            else g.data_ptr()
            if g.dtype is dtype and g.is_cpu and contiguous and not g.is_sparse and g.is_contiguous() and g.numel() == n
            else self._gradient(g, i)
            for i, (g, dtype, contiguous, n) in enumerate(
                zip(grads, self._dtypes, self._contiguous, self._numels, strict=True)
            )
        ]
        return np.array(pointers, np.uint64)

    def count_nonfinite(self, gradients: Pointers) -> int:
        """How many entries of gradients, from :meth:`gradients`, are NaN or infinite; nothing is written."""
        return int(self._plan.count_nonfinite(gradients, num_threads()))

    def _gradient(self, g: Tensor, i: int) -> int:
        x = self._params[i]
        _type(g, "grads", i, (_TYPES[str(x.dtype)],))
        if g.shape != x.shape or g.stride() != x.stride():
            raise ValueError(
                f"grads[{i}] has shape {tuple(g.shape)} and strides {g.stride()}, params[{i}] has {tuple(x.shape)} "
                f"and {x.stride()}; copy it to the parameter's layout"
            )
        return g.data_ptr()

    def step(
        self,
        gradients: Pointers,
        *,
        lr: float,
        beta1: float,
        beta2: float,
        weight_decay: float,
        kappa: str = "L1",
        kappa_args: Sequence[float] = (),
        kappa_scale: float = 1.0,
        maximize: bool = False,
        cautious: Literal["mask"] | None = None,
        decay: Literal["plain", "cautious"] = "plain",
        step: int | Counts = 0,
        rounding: Literal["stochastic", "nearest"] = "stochastic",
        nan_policy: Literal["count", "check"] = "count",
        certify: Literal["gap", "step"] | None = None,
    ) -> FusedResult:
        """Step every tensor that has a gradient.

        Args:
            gradients: from :meth:`gradients`.
            lr, beta1, beta2, weight_decay: η, β₁, β₂, λ.
            kappa: a name in :data:`KAPPAS`; GroupL2 is one group, the whole tensor, and not for float64.
            kappa_args: K's arguments, in the order of :data:`KAPPAS`.
            kappa_scale: s of ``Scaled(K, s)``.
            maximize: negate the gradients.
            cautious: "mask" zeroes the step where c·g ≤ 0.
            decay: "cautious" decays only where the step and x have opposite signs or one is 0.
            step: the step number in the hash of stochastic rounding, one for all or int64 ``(len(self),)``.
            rounding: how bfloat16 parameters, and bfloat16 or int8 momentum, are stored.
            nan_policy: "count" steps and counts; "check" looks at all gradients first, and where one is
                NaN or infinite writes nothing and says ``applied=False``.
            certify: "gap" computes the sums of the optimality gap at x before the step and the distance after it,
                "step" all of :data:`SUMS`; not for GroupL2.
        """
        if kappa not in KAPPAS:
            raise ValueError(f"kappa is {kappa!r}; the fused step knows: {', '.join(KAPPAS)}")
        code, names = KAPPAS[kappa]
        if len(kappa_args) != len(names):
            raise ValueError(f"{kappa} takes the arguments ({', '.join(names)}), got {tuple(kappa_args)}")
        for name, value, allowed in (
            ("cautious", cautious, (None, "mask")),
            ("decay", decay, ("plain", "cautious")),
            ("rounding", rounding, ("stochastic", "nearest")),
            ("nan_policy", nan_policy, ("count", "check")),
            ("certify", certify, (None, "gap", "step")),
        ):
            if value not in allowed:
                raise ValueError(f"{name} is {value!r}; the fused step knows: {', '.join(map(repr, allowed))}")
        if kappa == "GroupL2" and (certify or any(str(dtype) == "torch.float64" for dtype in self._dtypes)):
            raise ValueError("GroupL2 has no fused step with certificate sums or float64; compute it with torch")
        if isinstance(step, np.ndarray):
            steps = step
        else:
            steps = self._steps
            steps.fill(step)
        sums = np.empty((len(self), len(SUMS))) if certify else None
        first, second = (*map(float, kappa_args), 0.0, 0.0)[:2]
        nonfinite = self._plan.step(
            gradients,
            steps,
            float(lr),
            float(beta1),
            float(beta2),
            float(weight_decay),
            code,
            first,
            second,
            float(kappa_scale),
            maximize,
            cautious is not None,
            decay == "cautious",
            rounding == "stochastic",
            nan_policy == "check",
            num_threads(),
            sums,
            certify == "step",
        )
        applied = nan_policy == "count" or not nonfinite
        if sums is not None and not applied:
            sums = None
        if sums is not None and kappa_scale != 1:
            sums[:, _SCALED] *= kappa_scale
            sums[:, _DISTANCE] *= kappa_scale**2
        return FusedResult(nonfinite=int(nonfinite), applied=applied, sums=sums)


def stream(x: npt.NDArray[Any], g: npt.NDArray[Any], m: npt.NDArray[Any]) -> None:
    """Read float32 x, g, m and write x and m: the traffic of a step and nothing else, for benchmarks."""
    core().optim_stream(x, g, m)
