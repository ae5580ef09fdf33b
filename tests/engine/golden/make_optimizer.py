"""Writes optimizer.bin: parameters after one and after five updates of PyTorch's optimisers, computed in float64.

Each case "NAME/..." has "weight" and "bias" after the first and the fifth update ("first.weight", "fifth.bias"); the
case "start" has their initial values and "gradient0.weight" ... "gradient4.bias". Rates are 0.1, 0.2, 0.05, 0.1, 0.01.
"""

import torch

from support import write_goldens

RATES = [0.1, 0.2, 0.05, 0.1, 0.01]

g = torch.Generator().manual_seed(0)
start = {name: torch.randn(shape, generator=g) for name, shape in [("weight", (7, 5)), ("bias", (7,))]}
gradients = [{name: torch.randn(value.shape, generator=g) for name, value in start.items()} for _ in RATES]


def run(make, skip=False):
    values = {name: value.double().clone().requires_grad_() for name, value in start.items()}
    bias = {"params": [values["bias"]]} | ({"weight_decay": 0.0} if skip else {})
    optimizer = make([{"params": [values["weight"]]}, bias])
    out = {}
    for step, rate in enumerate(RATES):
        for group in optimizer.param_groups:
            group["lr"] = rate
        for name, value in values.items():
            value.grad = gradients[step][name].double()
        optimizer.step()
        if step in (0, 4):
            for name, value in values.items():
                out[("first." if step == 0 else "fifth.") + name] = value.detach().clone()
    return out


optim = torch.optim
write_goldens("optimizer", {
    "start": start | {f"gradient{i}.{name}": value for i, step in enumerate(gradients) for name, value in step.items()},
    "sgd": run(lambda p: optim.SGD(p, 1)),
    "momentum": run(lambda p: optim.SGD(p, 1, momentum=0.9)),
    "decay": run(lambda p: optim.SGD(p, 1, momentum=0.9, weight_decay=0.1)),
    "nesterov": run(lambda p: optim.SGD(p, 1, momentum=0.8, weight_decay=0.1, nesterov=True)),
    "skip": run(lambda p: optim.SGD(p, 1, momentum=0.9, weight_decay=0.1), skip=True),
    "adam": run(lambda p: optim.Adam(p, 1)),
    "adam_decay": run(lambda p: optim.Adam(p, 1, betas=(0.8, 0.95), eps=1e-3, weight_decay=0.1)),
    "adamw": run(lambda p: optim.AdamW(p, 1, weight_decay=0.1)),
    "adamw_skip": run(lambda p: optim.AdamW(p, 1, weight_decay=0.1), skip=True),
})
