"""Goldens of convolution: PyTorch in float64. Inputs, weights and the loss's weights are numbers that bfloat16 represents,
so that in bfloat16 only the output's rounding is left as an error."""

import torch
import torch.nn.functional as F

from support import write_golden

CASES = {
    # name: (dims of x channels last, O, kernel, stride, padding, dilation, groups, bias, output padding or None)
    "3x3": ((2, 7, 9, 5), 8, (3, 3), (1, 1), (1, 1), (1, 1), 1, True, None),
    "3x3_stride": ((2, 8, 8, 16), 16, (3, 3), (2, 2), (1, 1), (1, 1), 1, False, None),
    "dilated": ((2, 9, 8, 4), 6, (3, 3), (1, 1), (2, 2), (2, 2), 1, True, None),
    "groups": ((2, 6, 5, 8), 12, (3, 3), (1, 1), (1, 1), (1, 1), 4, True, None),
    "depthwise": ((2, 6, 6, 16), 16, (3, 3), (1, 1), (1, 1), (1, 1), 16, False, None),
    "1x1": ((3, 5, 5, 16), 24, (1, 1), (1, 1), (0, 0), (1, 1), 1, True, None),
    "1x1_stride": ((2, 6, 7, 16), 8, (1, 1), (2, 2), (0, 0), (1, 1), 1, False, None),
    "7x7": ((2, 17, 14, 3), 16, (7, 7), (2, 2), (3, 3), (1, 1), 1, False, None),
    "uneven": ((2, 8, 7, 3), 5, (3, 5), (2, 1), (1, 2), (1, 1), 1, True, None),
    "3d": ((2, 4, 6, 7, 3), 8, (3, 3, 3), (1, 2, 2), (1, 1, 1), (1, 1, 1), 1, True, None),
    "3d_groups": ((1, 5, 4, 5, 4), 6, (3, 1, 3), (2, 1, 1), (1, 0, 1), (1, 1, 1), 2, False, None),
    "transposed": ((2, 4, 5, 8), 6, (4, 4), (2, 2), (1, 1), (1, 1), 1, True, (0, 0)),
    "transposed_padded": ((2, 4, 5, 6), 4, (3, 3), (2, 2), (1, 1), (1, 1), 1, False, (1, 1)),
    "transposed_groups": ((2, 4, 4, 8), 4, (3, 3), (2, 1), (1, 1), (2, 1), 2, True, (1, 0)),
    "transposed_dilated": ((2, 5, 4, 3), 4, (3, 3), (1, 1), (2, 2), (3, 3), 1, True, (2, 1)),
    "transposed_3d": ((1, 3, 3, 4, 4), 5, (3, 4, 4), (1, 2, 2), (1, 1, 1), (1, 1, 1), 1, True, (0, 0, 0)),
    "1d": ((3, 17, 5), 6, (5,), (2,), (2,), (1,), 1, True, None),
    "1d_strided": ((2, 40, 1), 8, (10,), (5,), (3,), (1,), 1, True, None),
    "1d_groups": ((2, 11, 8), 12, (3,), (1,), (0,), (2,), 4, False, None),
}


def representable(generator, shape):
    return torch.randn(shape, generator=generator).bfloat16().double()


def channels_last(x):
    return x.movedim(1, -1)


for seed, (name, case) in enumerate(CASES.items()):
    dims, outputs, kernel, stride, padding, dilation, groups, bias, output_padding = case
    generator = torch.Generator().manual_seed(seed)
    inputs = dims[-1]
    x = representable(generator, dims).requires_grad_()
    shape = (outputs, inputs // groups) if output_padding is None else (inputs, outputs // groups)
    weight = representable(generator, shape + kernel).requires_grad_()
    offset = representable(generator, (outputs,)).requires_grad_() if bias else None
    options = dict(stride=stride, padding=padding, dilation=dilation, groups=groups)
    spatial = len(kernel)
    if output_padding is None:
        y = {1: F.conv1d, 2: F.conv2d, 3: F.conv3d}[spatial](x.movedim(-1, 1), weight, offset, **options)
    else:
        y = (F.conv_transpose2d if spatial == 2 else F.conv_transpose3d)(
            x.movedim(-1, 1), weight, offset, output_padding=output_padding, **options)
    y = channels_last(y)
    loss_weight = representable(generator, y.shape)
    (y * loss_weight).sum().backward()
    arrays = {
        "input0": x,
        "parameter.c.weight": weight,
        "weight": loss_weight,
        "output": y,
        "gradient.input0": x.grad,
        "gradient.c.weight": weight.grad,
    }
    if bias:
        arrays["parameter.c.bias"] = offset
        arrays["gradient.c.bias"] = offset.grad
    write_golden("convolution_" + name, arrays)
