"""Two processes train one model by votes on signs, two bits a weight, and end with the same weights."""

import multiprocessing
import tempfile
import zlib
from pathlib import Path

import torch
import torch.distributed as dist

from signwise.optim import Lion

PROCESSES, STEPS = 2, 200


def train(rank: int, folder: str) -> None:
    torch.set_num_threads(1)
    # Under torchrun, init_process_group("gloo") alone is enough.
    store = f"file://{Path(folder) / 'store'}"
    dist.init_process_group("gloo", init_method=store, rank=rank, world_size=PROCESSES)

    # The same seed everywhere: all start from the same weights, or the first step raises.
    torch.manual_seed(0)
    model = torch.nn.Sequential(torch.nn.Linear(8, 32), torch.nn.GELU(), torch.nn.Linear(32, 1))
    optimizer = Lion(model.parameters(), lr=3e-3, weight_decay=0.1, process_group=dist.group.WORLD)
    schedule = torch.optim.lr_scheduler.CosineAnnealingLR(optimizer, STEPS)

    # Each has data of its own, and gradients that nobody averages.
    data = torch.Generator().manual_seed(1 + rank)
    for step in range(STEPS):
        inputs = torch.randn(64, 8, generator=data)
        loss = torch.nn.functional.mse_loss(model(inputs), torch.sin(inputs.sum(1, keepdim=True)))
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
        schedule.step()
        if rank == 0 and step % 50 == 0:
            print(f"step {step:3d}  loss {loss.item():.3f}", flush=True)

    weights = torch.nn.utils.parameters_to_vector(model.parameters()).detach()
    checksums = [None] * PROCESSES
    dist.all_gather_object(checksums, zlib.crc32(weights.numpy().tobytes()))
    if rank == 0:
        print(f"{weights.numel()} weights, checksums {checksums}, all alike: {len(set(checksums)) == 1}", flush=True)
    dist.destroy_process_group()


if __name__ == "__main__":
    spawn = multiprocessing.get_context("spawn")
    with tempfile.TemporaryDirectory() as folder:
        processes = [spawn.Process(target=train, args=(rank, folder)) for rank in range(PROCESSES)]
        for process in processes:
            process.start()
        for process in processes:
            process.join()
        if any(process.exitcode for process in processes):
            raise SystemExit("a process failed")
