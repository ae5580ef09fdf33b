"""Goldens of linear layers and matrix products: PyTorch in float64, on numbers that bfloat16 represents."""

import torch

from support import write_golden


def representable(generator, shape):
    return torch.randn(shape, generator=generator).bfloat16().double()


def finish(name, y, generator, arrays, wanted):
    weight = representable(generator, y.shape)
    (y * weight).sum().backward()
    arrays.update({"weight": weight, "output": y})
    arrays.update({"gradient." + key: tensor.grad for key, tensor in wanted.items()})
    write_golden(name, arrays)


generator = torch.Generator().manual_seed(0)
x = representable(generator, (9, 37)).requires_grad_()
weight = representable(generator, (21, 37)).requires_grad_()
bias = representable(generator, (21,)).requires_grad_()
finish("linear", torch.nn.functional.linear(x, weight, bias), generator,
       {"input0": x, "parameter.l.weight": weight, "parameter.l.bias": bias},
       {"input0": x, "l.weight": weight, "l.bias": bias})

for batch in (0, 3):
    for transposed in range(4):
        a_dims = (11, 6) if transposed & 1 else (6, 11)
        b_dims = (7, 11) if transposed & 2 else (11, 7)
        if batch:
            a_dims, b_dims = (batch,) + a_dims, (batch,) + b_dims
        a = representable(generator, a_dims).requires_grad_()
        b = representable(generator, b_dims).requires_grad_()
        y = 0.5 * ((a.mT if transposed & 1 else a) @ (b.mT if transposed & 2 else b))
        finish("matmul_%d%s" % (transposed, "_batched" if batch else ""), y, generator,
               {"input0": a, "input1": b}, {"input0": a, "input1": b})
