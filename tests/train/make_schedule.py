"""Writes golden/schedule.json: learning rates of PyTorch's schedulers, update by update."""

import json
import os
import warnings

import torch
from torch.optim import lr_scheduler

warnings.simplefilter("ignore")


def rates(steps, lr, make):
    optimizer = torch.optim.SGD([torch.zeros(1, requires_grad=True)], lr=lr)
    scheduler = make(optimizer)
    out = []
    for _ in range(steps):
        out.append(optimizer.param_groups[0]["lr"])
        optimizer.step()
        scheduler.step()
    return out


def warm(optimizer, updates, then):
    """From lr / updates up to lr in the last of `updates`, then `then`."""
    linear = lr_scheduler.LinearLR(optimizer, 1 / updates, 1, updates - 1)
    return lr_scheduler.SequentialLR(optimizer, [linear, then], [updates])


CASES = {
    "lr=0.06 schedule=cosine warmup=0": (97, 10, 0.06, lambda o: lr_scheduler.CosineAnnealingLR(o, 97)),
    "lr=1.5 schedule=cosine warmup=3": (
        60, 5, 1.5, lambda o: warm(o, 15, lr_scheduler.CosineAnnealingLR(o, 45))),
    "lr=0.1 schedule=step milestones=3,6,8 gamma=0.2 warmup=0": (
        70, 7, 0.1, lambda o: lr_scheduler.MultiStepLR(o, [21, 42, 56], 0.2)),
    "lr=0.3 schedule=constant warmup=0": (9, 3, 0.3, lambda o: lr_scheduler.ConstantLR(o, 1.0)),
}

if __name__ == "__main__":
    golden = os.path.join(os.path.dirname(os.path.abspath(__file__)), "golden")
    os.makedirs(golden, exist_ok=True)
    cases = [{"pairs": pairs, "steps": steps, "steps_per_epoch": per_epoch, "rates": rates(steps, lr, make)}
             for pairs, (steps, per_epoch, lr, make) in CASES.items()]
    with open(os.path.join(golden, "schedule.json"), "w") as file:
        json.dump(cases, file, indent=1)
        file.write("\n")
