"""The packed network: what runs, saves, loads and reports; without torch."""

from __future__ import annotations

import dataclasses
import sys
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from .. import artifacts
from .._native import core
from .._native._binary import Engine, Net
from ..errors import ArtifactError
from ._format import KIND, VERSION, InputSpec, LayerInfo, decode, encode

Array = npt.NDArray[Any]


@dataclass(frozen=True, kw_only=True)
class ProfileRow:
    """Time of one operation of a packed network.

    Attributes:
        name: module or node whose work the operation ends with.
        kind: what it does.
        seconds: median of the runs.
        share: of the whole.
    """

    name: str
    kind: str
    seconds: float
    share: float


@dataclass(frozen=True, kw_only=True)
class MemoryReport:
    """Bytes of a packed network.

    Attributes:
        binary_weights: number of 1-bit weights.
        file: tensors as saved.
        file_binary: packed bits among them.
        resident: parameters as they lie in memory, or None without the extension.
        resident_binary: packed bits among them, with lanes and words filled up, or None.
        activations: buffers for an input of the given shape: floats, bits and scratch, or None.
        float32: parameters of the same network in float32.
    """

    binary_weights: int
    file: int
    file_binary: int
    resident: int | None
    resident_binary: int | None
    activations: int | None
    float32: int


@dataclass(frozen=True, kw_only=True, eq=False)
class PackedModel:
    """A network with packed binary layers that runs without its training code.

    :func:`pack` makes one from a trained module, :func:`load` from a saved directory. Calling it gives the result of
    the module in evaluation mode; see :func:`verify` for how near. It takes numpy arrays, or torch tensors on the
    CPU, and gives back the kind that came. Results are the same bits on every instruction tier, for every number of
    threads, and without the extension, where numpy does the same work slowly.

    Attributes:
        net: the operations.
        names: of each operation, the module or node whose work it ends with.
        input: what it takes and gives.
        layers: the binary layers.
    """

    net: Net
    names: tuple[str, ...]
    input: InputSpec
    layers: tuple[LayerInfo, ...] = ()
    engine: Engine = field(init=False, repr=False)

    def __post_init__(self) -> None:
        object.__setattr__(self, "engine", Engine(net=self.net))

    def __repr__(self) -> str:
        bits = sum(layer.weights for layer in self.layers)
        return f"PackedModel({len(self.net.operations)} operations, {bits:,} binary weights)"

    def __call__(self, x: Any) -> Any:
        """The result for a batch.

        Args:
            x: float32, shape ``(n, c, h, w)`` or ``(n, c)`` as :attr:`input` says; array or tensor.

        Returns:
            float32, the kind that came.

        Raises:
            TypeError: not a float32 array, nor a float32 tensor on the CPU.
            ValueError: another shape than the network takes.
        """
        array, tensor = self._array(x)
        y = self.engine.run(self._images(array))
        return self._result(y) if tensor is None else tensor.from_numpy(self._result(y))

    def profile(self, x: Any, *, runs: int = 25) -> tuple[ProfileRow, ...]:
        """Median time of every operation over some runs, in order; the first and last row convert input and result.

        Args:
            x: a batch.
            runs: how many times to run it.

        Raises:
            ValueError: the extension is absent, whose graph alone is timed.
        """
        if core() is None:
            raise ValueError("a profile needs the native kernels, which are not available; see `signwise info`")
        images = self._images(self._array(x)[0])
        seconds = np.zeros((runs, len(self.net.operations) + 2))
        self.engine.run(images)
        for row in seconds:
            self.engine.run(images, row)
        median = np.median(seconds, axis=0)
        names = ("input", *self.names, "result")
        kinds = ("convert", *(op.kind for op in self.net.operations), "convert")
        total = float(median.sum())
        return tuple(
            ProfileRow(name=name, kind=kind, seconds=float(s), share=float(s) / total if total else 0.0)
            for name, kind, s in zip(names, kinds, median, strict=True)
        )

    def memory(self, shape: tuple[int, ...] | None = None) -> MemoryReport:
        """Bytes of parameters, in the file and in memory, and of activations.

        Args:
            shape: of an input, ``(n, c, h, w)`` or ``(n, c)``, for the activations; by default one image of the size
                that the network was packed with.
        """
        _, tensors = encode(self.net, self.names)
        convolutions = [op for op in self.net.operations if op.weights is not None]
        counts = {
            id(op): op.shape[0] * op.shape[2] * op.shape[3] * (op.shape[1] // op.shape[10]) for op in convolutions
        }
        binary = [op for op in convolutions if op.weights is not None and op.weights.dtype == np.uint8]
        size = shape[2:] if shape is not None and len(shape) == 4 else self.input.size or (1, 1)
        resident: tuple[int, ...] | None = None
        if self.input.flat or shape is not None or self.input.size is not None:
            resident = self.engine.memory(shape[0] if shape else 1, *size)
        others = sum(
            a.size for op in self.net.operations for a in (op.finish.a, op.finish.b, op.finish.slope) if a is not None
        )
        thresholds = sum(op.finish.threshold.size for op in self.net.operations if op.finish.threshold is not None)
        return MemoryReport(
            binary_weights=sum(counts[id(op)] for op in binary),
            file=sum(array.nbytes for array in tensors.values()),
            file_binary=sum(op.weights.nbytes for op in binary if op.weights is not None),
            resident=None if resident is None else resident[0],
            resident_binary=None if resident is None else resident[1],
            activations=None if resident is None else sum(resident[2:]),
            # A threshold stands for a scale and a shift.
            float32=4 * (sum(counts.values()) + others + 2 * thresholds),
        )

    def save(self, path: str | Path) -> Path:
        """Save as a directory of safetensors and JSON, atomically; see :func:`load`.

        Weight bits are uint8 ``(O, ceil(K / 8))`` with index (ky·kw + kx)·(C/g) + c, whatever the instruction tier.
        """
        rows, tensors = encode(self.net, self.names)
        meta = {
            "values": [list(value) for value in self.net.values],
            "operations": rows,
            "output": self.net.output,
            "input": dataclasses.asdict(self.input),
            "layers": [dataclasses.asdict(layer) for layer in self.layers],
        }
        return artifacts.save(path, kind=KIND, version=VERSION, tensors=tensors, meta=meta)

    def _array(self, x: Any) -> tuple[Array, Any]:
        torch = sys.modules.get("torch")
        if torch is not None and isinstance(x, torch.Tensor):
            if x.device.type != "cpu" or x.dtype != torch.float32:
                raise TypeError(f"expected a float32 tensor on the CPU, got {x.dtype} on {x.device}")
            return x.detach().numpy(), torch
        if not isinstance(x, np.ndarray) or x.dtype != np.float32:
            got = f"{x.dtype} array" if isinstance(x, np.ndarray) else type(x).__name__
            raise TypeError(f"expected a float32 array or tensor, got {got}")
        return x, None

    def _images(self, x: Array) -> Array:
        expected = ("n", self.input.channels) if self.input.flat else ("n", self.input.channels, "h", "w")
        if x.ndim != len(expected) or x.shape[1] != self.input.channels or not x.size:
            raise ValueError(f"expected shape ({', '.join(map(str, expected))}), got {x.shape}")
        return x.reshape(*x.shape, 1, 1) if self.input.flat else x

    def _result(self, y: Array) -> Array:
        return y.reshape(y.shape[:2]) if self.input.flat_output else y


def load(path: str | Path) -> PackedModel:
    """Read a packed network that :meth:`PackedModel.save` wrote; needs neither torch nor the model's code.

    Args:
        path: the directory.

    Raises:
        ArtifactError: missing, damaged, of another kind, too new, or inconsistent; the message says what.

    Example:
        >>> import tempfile
        >>> import torch
        >>> from signwise.binary import BiPerLinear, load, pack
        >>> net = torch.nn.Sequential(BiPerLinear(64, 32), torch.nn.BatchNorm1d(32)).eval()
        >>> x = torch.randn(4, 64)
        >>> with tempfile.TemporaryDirectory() as folder:
        ...     packed = load(pack(net, x).save(f"{folder}/net"))
        >>> packed, bool((packed(x) - net(x)).abs().max() < 1e-5)
        (PackedModel(2 operations, 2,048 binary weights), True)
    """
    artifact = artifacts.load(path, kind=KIND, max_version=VERSION)
    net, names = decode(artifact.meta, artifact.tensors, str(path))
    try:
        given = dict(artifact.meta["input"])
        size = given.pop("size")
        spec = InputSpec(**given, size=None if size is None else (int(size[0]), int(size[1])))
        layers = tuple(LayerInfo(**layer) for layer in artifact.meta["layers"])
        if spec.channels != net.values[0][1]:
            raise ValueError("the input has other channels than the graph")
        return PackedModel(net=net, names=names, input=spec, layers=layers)
    except (KeyError, TypeError, ValueError) as error:
        raise ArtifactError(f"{path}: damaged or not a packed network: {error}") from error
