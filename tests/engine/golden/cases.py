"""A case of a golden: inputs, one output, and the gradients of L = sum(weight x output), from PyTorch in float64.

Inputs and weights are numbers that bf16 holds, so that the same golden serves both types.
"""

import torch


def as_bf16(x):
    return x.to(torch.bfloat16).to(torch.float64)


def normal(generator, *shape):
    return as_bf16(torch.randn(*shape, generator=generator, dtype=torch.float64))


def positive(generator, *shape):
    return as_bf16(0.5 + torch.rand(*shape, generator=generator, dtype=torch.float64))


def make_case(generator, function, *inputs, draw_weight=normal):
    """Inputs of an integer type are labels: stored, and without a gradient. Others are rounded to bf16."""
    leaves = [as_bf16(x).requires_grad_() if x.is_floating_point() else x for x in inputs]
    output = function(*leaves)
    weight = draw_weight(generator, *output.shape) if output.dim() else draw_weight(generator, 1).reshape(())
    (weight * output).sum().backward()
    case = {"output": output, "weight": weight}
    for i, x in enumerate(leaves):
        case[f"input{i}"] = x
        if x.is_floating_point() and x.grad is not None:
            case[f"gradient.input{i}"] = x.grad
    return case
