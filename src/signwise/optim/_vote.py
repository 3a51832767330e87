"""Sign votes between processes: ballots of -1, 0 and 1 as two planes of bits, exchanged and counted."""

from __future__ import annotations

import weakref
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Literal, get_args

import torch
import torch.distributed as dist
from torch import Tensor

from signwise.bits import PackedBits, TernaryBits, majority_ternary, pack_ternary
from signwise.convex import L1

if dist.is_available():
    # Its functions have group.WORLD as a default. Building an optimizer imports it; were a group initialised by
    # then, they would keep it for ever.
    import torch.distributed.nn

if TYPE_CHECKING:
    from torch.distributed import ProcessGroup

Vote = Literal["majority", "mean"]
Ties = Literal["abstain", "coin"]
WORD = 64
# Words that are unpacked at a time, so that the memory this takes is used again and stays in the cache.
_PIECE = 1 << 14
# A sum of more votes does not fit the int8 that it travels as.
_MOST_IN_A_SUM = 127


@dataclass(frozen=True, kw_only=True)
class Poll:
    """Who votes, and how votes are counted.

    The group is held weakly. An optimizer often lives until the interpreter ends (a schedule makes a cycle with it),
    and a group that lives as long keeps its threads after ``destroy_process_group``: one that then asks for the
    interpreter's lock ends the process with "terminate called without an active exception".

    Args:
        group: the voters, one a process.
        vote: "majority" or "mean".
        ties: "abstain" or "coin".
    """

    group: weakref.ref[ProcessGroup]
    vote: Vote
    ties: Ties

    @property
    def process_group(self) -> ProcessGroup:
        """The voters.

        Raises:
            RuntimeError: the group was destroyed.
        """
        group = self.group()
        if group is None:
            raise RuntimeError(
                "the process_group that this optimizer votes in was destroyed; build the optimizer after "
                "init_process_group() and take no step after destroy_process_group()"
            )
        return group

    @property
    def size(self) -> int:
        """n, the number of voters."""
        return self.process_group.size()

    @property
    def rank(self) -> int:
        """The number of this process among them."""
        return self.process_group.rank()

    def device(self, x: Tensor) -> torch.device:
        """Where tensors must lie to travel: with gloo the CPU, else where the parameter `x` is."""
        return torch.device("cpu") if dist.get_backend(self.process_group) == "gloo" else x.device

    def __deepcopy__(self, memo: dict[int, Any]) -> Poll:
        return self

    def __reduce__(self) -> Any:
        raise TypeError("an optimizer with a process_group cannot be pickled; save its state_dict() on every rank")


def make_poll(process_group: ProcessGroup | None, vote: Vote, ties: Ties) -> Poll | None:
    """The poll of an optimizer's options, or None without a process group.

    Raises:
        TypeError: `process_group` is no process group.
        ValueError: an option is unknown, or they do not go together.
    """
    for name, value, allowed in (("vote", vote, get_args(Vote)), ("ties", ties, get_args(Ties))):
        if value not in allowed:
            raise ValueError(f"{name} must be one of {', '.join(map(repr, allowed))}; got {value!r}")
    if vote == "mean" and ties == "coin":
        raise ValueError(
            "ties='coin' decides a majority; a mean of zero is zero. Leave ties='abstain' with vote='mean'"
        )
    if process_group is None:
        return None
    if not dist.is_available() or not isinstance(process_group, dist.ProcessGroup):
        raise TypeError(
            "process_group must be a torch.distributed.ProcessGroup that this process belongs to, such as "
            f"torch.distributed.group.WORLD after init_process_group(); got {type(process_group).__name__}"
        )
    poll = Poll(group=weakref.ref(process_group), vote=vote, ties=ties)
    if vote == "mean" and poll.size > _MOST_IN_A_SUM:
        raise ValueError(f"vote='mean' counts at most {_MOST_IN_A_SUM} processes, got {poll.size}; use vote='majority'")
    return poll


def check_votable(group: dict[str, Any]) -> None:
    """Raise ValueError where the options of a param group do not go with a process group."""
    if type(group["kappa"]) is not L1:
        raise ValueError(
            f"process_group votes on signs, which only kappa=L1() steps along; got {group['kappa']!r}. "
            "Average the gradients of other K (DistributedDataParallel), without process_group"
        )
    if group["cautious"] == "rescale":
        raise ValueError("cautious='rescale' is no vote of -1, 0 and 1; use cautious='mask' with process_group")
    if group["certify"]:
        raise ValueError(
            "certify=True keeps sums of a step along this process's own gradient, which a vote does not take; call "
            "certificate(closure) with a closure that averages the gradient over the processes"
        )
    for option in ("capturable", "fused"):
        if group[option]:
            raise ValueError(f"{option}=True does not go with process_group; leave it out")


def padded_length(count: int, voters: int) -> int:
    """`count` rounded up so that each of the voters counts whole 64-bit words: a multiple of 64n, hence of 8n."""
    return -(-count // (WORD * voters)) * WORD * voters


class Buffers:
    """Tensors of a vote, kept from one step to the next: new memory costs more than the arithmetic on it."""

    def __init__(self) -> None:
        self._kept: dict[str, Tensor] = {}

    def take(self, name: str, shape: tuple[int, ...], dtype: torch.dtype, device: torch.device) -> Tensor:
        """The tensor of that name, zeros where it is made anew."""
        kept = self._kept.get(name)
        if kept is None or kept.shape != shape or kept.dtype != dtype or kept.device != device:
            kept = self._kept[name] = torch.zeros(shape, dtype=dtype, device=device)
        return kept


def encode(ballot: Tensor, out: Tensor | None = None) -> Tensor:
    """The planes x ≠ 0 and x > 0 of a ballot.

    Args:
        ballot: int8, shape ``(length,)``, length a multiple of 64.
        out: written to, if given.

    Returns:
        int64, shape ``(2, length / 64)``, 2 bits a vote in the layout of :class:`signwise.bits.TernaryBits`.
    """
    packed = pack_ternary(ballot)
    return torch.stack((packed.nonzero.words, packed.positive.words), out=out)


def decode(planes: Tensor, out: Tensor | None = None) -> Tensor:
    """The votes that planes ``(..., 2, words)`` stand for: int8, shape ``(..., 64·words)``, in `out` if given."""
    if out is None:
        out = torch.empty((*planes.shape[:-2], planes.shape[-1] * WORD), dtype=torch.int8, device=planes.device)
    for start in range(0, planes.shape[-1], _PIECE):
        some, up = planes[..., start : start + _PIECE].unbind(-2)
        length = up.shape[-1] * WORD
        up, down = (PackedBits(words, length).unpack("bool").view(torch.int8) for words in (up, some ^ up))
        torch.sub(up, down, out=out[..., start * WORD : start * WORD + length])
    return out


def tally(planes: Tensor, poll: Poll, *, seed: int, step: int, offset: int) -> Tensor:
    """Count votes: sign(Σ_i s_i) as planes, or for a mean Σ_i s_i.

    Args:
        planes: of every voter, int64, shape ``(n, 2, words)``.
        poll: how to count.
        seed: of the coin.
        step: a number that changes the draws.
        offset: index of the first vote in the whole ballot.

    Returns:
        int64 planes, shape ``(2, words)``, or int8 sums, shape ``(64·words,)``.
    """
    if poll.vote == "mean":
        sums = decode(planes[0])
        for other in planes[1:]:
            sums += decode(other)
        return sums
    length = planes.shape[-1] * WORD
    votes = TernaryBits(PackedBits(planes[:, 0], length), PackedBits(planes[:, 1], length))
    won = majority_ternary(votes, ties=poll.ties, seed=seed & 0xFFFFFFFF, step=step & 0xFFFFFFFF, offset=offset)
    return torch.stack((won.nonzero.words, won.positive.words))


def hold_(ballot: Tensor, poll: Poll, buffers: Buffers, *, seed: int, step: int) -> Tensor:
    r"""Vote with the other processes, coordinate by coordinate; every process gets the same result.

    .. math:: v = \sum_i s_i, \qquad r = \operatorname{sign}(v) \text{ (majority)}, \qquad r = v/n \text{ (mean)}

    Two processes send each other their planes. More send each its share of the coordinates, which it
    counts and sends to all: (n−1)/n times 2 bits a coordinate leave a process twice, the second time 8 for a mean.

    Args:
        ballot: s of this process, int8, shape ``(padded_length(count, n),)``, on ``poll.device(...)``; becomes
            sign(v), or for a mean v.
        poll: the voters.
        buffers: of this ballot.
        seed: of the coin that decides ties, alike on all processes.
        step: a number that changes its draws, alike on all processes.

    Returns:
        `ballot`.
    """
    if poll.size == 1:
        return ballot
    words = ballot.numel() // WORD
    planes = encode(ballot, buffers.take("planes", (2, words), torch.int64, ballot.device))
    counted = exchange(planes, poll, buffers, seed=seed, step=step)
    return ballot.copy_(counted) if poll.vote == "mean" else decode(counted, ballot)


def exchange(planes: Tensor, poll: Poll, buffers: Buffers, *, seed: int, step: int) -> Tensor:
    """Vote with ballots that are planes already.

    Args:
        planes: of this process, int64, shape ``(2, words)``, words a multiple of n ≥ 2.
        poll, buffers, seed, step: as in :func:`hold_`.

    Returns:
        The planes of sign(v), or for a mean v itself, int8, shape ``(64·words,)``.
    """
    n, words = poll.size, planes.shape[-1]
    share = words if n == 2 else words // n
    inbox = buffers.take("inbox", (n, 2, share), torch.int64, planes.device)
    if n == 2:
        return tally(gather(planes, poll, inbox), poll, seed=seed, step=step, offset=0)
    deal(planes.view(2, n, share).transpose(0, 1).contiguous(), poll, inbox)
    mine = tally(inbox, poll, seed=seed, step=step, offset=poll.rank * share * WORD)
    if poll.vote == "mean":
        return gather(mine, poll).view(-1)
    # As planes of the whole ballot.
    return gather(mine, poll, inbox).transpose(0, 1).reshape(2, words)


def gather(x: Tensor, poll: Poll, out: Tensor | None = None) -> Tensor:
    """The tensors of all processes, contiguous and alike in shape: ``(n, *x.shape)``, in `out` if given."""
    if out is None:
        out = torch.empty((poll.size, *x.shape), dtype=x.dtype, device=x.device)
    # torch 2.13 renamed it, and warns of the old name.
    call: Any = getattr(dist, "all_gather_single", None) or dist.all_gather_into_tensor
    call(_octets(out), _octets(x), group=poll.process_group)
    return out


def deal(x: Tensor, poll: Poll, out: Tensor) -> None:
    """Send x[i] to process i; `out` gets the parts that come, by sender. Both contiguous, their first axis is n."""
    dist.all_to_all_single(_octets(out), _octets(x), group=poll.process_group)


def total(count: int, poll: Poll, device: torch.device) -> int:
    """Σ of a number over the processes."""
    return int(gather(torch.tensor([count], device=device), poll).sum())


def check_agreement(facts: dict[str, int], poll: Poll, device: torch.device) -> None:
    """Raise unless all processes hold the same numbers.

    Args:
        facts: by what they are about, the same keys on every process, below 2⁶³.
        poll: the voters.
        device: of ``poll.device(...)``.

    Raises:
        RuntimeError: naming what differs; every process raises it.
    """
    held = gather(torch.tensor(list(facts.values()), dtype=torch.int64, device=device), poll)
    differs = (held != held[0]).any(0).tolist()
    names = [name for name, bad in zip(facts, differs, strict=True) if bad]
    if names:
        raise RuntimeError(
            f"the processes that vote differ in {', '.join(names)}; they must start from the same weights "
            "(torch.distributed.broadcast), options and step count, or their weights part"
        )


def _octets(x: Tensor) -> Tensor:
    return x.view(-1).view(torch.uint8)
