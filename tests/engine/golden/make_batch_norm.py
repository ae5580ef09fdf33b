"""Batch norm, from PyTorch in float64. Run: python make_batch_norm.py

Inputs and the weights of the loss are exact in bfloat16, so that the same goldens serve both types.
"""

import torch
import torch.nn.functional as F
from support import write_goldens

g = torch.Generator().manual_seed(2)


def exact(*shape, scale=1.0, offset=0.0):
    x = offset + scale * torch.randn(*shape, generator=g, dtype=torch.float64)
    return x.to(torch.bfloat16).to(torch.float64)


def first(x):
    return x.movedim(-1, 1) if x.dim() > 2 else x


def last(x):
    return x.movedim(1, -1) if x.dim() > 2 else x


def case(shape, groups=1, training=True, relu=False, residual=False, weight=True, bias=True, momentum=0.1, offset=3.0,
         twice=False):
    channels = shape[-1]
    x = exact(*shape, scale=2.0, offset=offset).requires_grad_()
    arrays = {"input0": x}
    leaves = {"input0": x}
    parameters = {"weight": None, "bias": None}
    for name, wanted, centre in (("weight", weight, 1.0), ("bias", bias, 0.0)):
        if wanted:
            parameters[name] = (centre + 0.3 * torch.randn(channels, generator=g, dtype=torch.float64)).float().double()
            parameters[name].requires_grad_()
            arrays["parameter.norm." + name] = parameters[name]
            leaves["norm." + name] = parameters[name]
    mean = torch.randn(channels, generator=g, dtype=torch.float64).float().double()
    variance = (torch.rand(channels, generator=g, dtype=torch.float64) + 0.5).float().double()
    arrays["parameter.norm.running_mean"] = mean.clone()
    arrays["parameter.norm.running_var"] = variance.clone()
    parts = [
        last(F.batch_norm(first(part), mean, variance, parameters["weight"], parameters["bias"], training, momentum, 1e-5))
        for part in x.chunk(groups)
    ]
    y = torch.cat(parts)
    if residual:
        arrays["input1"] = leaves["input1"] = exact(*shape).requires_grad_()
        y = y + arrays["input1"]
    if relu:
        y = torch.relu(y)
    if twice:
        y = y * y
    weights = exact(*shape)
    (weights * y).sum().backward()
    arrays["weight"] = weights
    arrays["output"] = y
    for name, leaf in leaves.items():
        arrays["gradient." + name] = leaf.grad
    arrays["after.norm.running_mean"] = mean
    arrays["after.norm.running_var"] = variance
    return arrays


write_goldens(
    "batch_norm",
    {
        "vectors": case((9, 33)),
        "sequence": case((4, 7, 16)),
        "picture": case((4, 5, 3, 3)),
        "picture_64": case((2, 3, 3, 64)),
        "clip": case((2, 2, 3, 2, 16)),
        "groups": case((6, 3, 3, 3), groups=3),
        "groups_33": case((4, 2, 2, 33), groups=2, relu=True, residual=True),
        "momentum": case((6, 16), momentum=0.25),
        "no_affine": case((8, 3), weight=False, bias=False),
        "no_bias": case((8, 3), bias=False),
        "relu": case((3, 3, 3, 3), relu=True),
        "relu_64": case((2, 3, 3, 64), relu=True),
        "residual": case((3, 3, 3, 16), relu=True, residual=True),
        "evaluation": case((3, 2, 2, 33), training=False),
        "evaluation_residual": case((3, 2, 2, 16), training=False, relu=True, residual=True),
        "twice": case((3, 3, 3, 16), relu=True, residual=True, twice=True),
        "far": case((16, 3, 3, 3), offset=1000.0),
    },
)
