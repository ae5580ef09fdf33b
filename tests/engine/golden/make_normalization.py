"""Norms over channels and softmax, from PyTorch in float64. Run: python make_normalization.py"""

import torch
import torch.nn.functional as F
from cases import make_case, normal
from support import write_goldens

g = torch.Generator().manual_seed(3)


def layer_norm(*shape):
    channels = shape[-1]
    weight = (1 + 0.3 * normal(g, channels)).float().double().requires_grad_()
    bias = (0.3 * normal(g, channels)).float().double().requires_grad_()
    case = make_case(g, lambda x: F.layer_norm(x, (channels,), weight, bias, 1e-5), 2 * normal(g, *shape) + 3)
    for name, parameter in (("norm.weight", weight), ("norm.bias", bias)):
        case["parameter." + name] = parameter
        case["gradient." + name] = parameter.grad
    return case


def local_response_norm(x, *arguments):
    return F.local_response_norm(x.movedim(-1, 1), *arguments).movedim(1, -1)


cases = {
    "layer_norm_3": layer_norm(5, 3),
    "layer_norm_33": layer_norm(40, 33),
    "layer_norm_64": layer_norm(2, 2, 2, 64),
    "response_alexnet": make_case(g, lambda x: local_response_norm(x, 5, 1e-4, 0.75, 2.0), 4 * normal(g, 2, 2, 2, 16)),
    "response_even": make_case(g, lambda x: local_response_norm(x, 4, 0.5, 0.6, 1.0), normal(g, 2, 3, 33)),
    "response_wide": make_case(g, lambda x: local_response_norm(x, 9, 0.5, 0.75, 1.0), normal(g, 2, 2, 3)),
    "l2_3": make_case(g, lambda x: F.normalize(x, dim=-1), normal(g, 7, 3)),
    "l2_33": make_case(g, lambda x: F.normalize(x, dim=-1), normal(g, 2, 3, 33)),
    "softmax_3": make_case(g, lambda x: torch.softmax(x, -1), 4 * normal(g, 5, 3)),
    "softmax_70": make_case(g, lambda x: torch.softmax(x, -1), 4 * normal(g, 3, 2, 70)),
    "log_softmax_3": make_case(g, lambda x: torch.log_softmax(x, -1), 4 * normal(g, 5, 3)),
    "log_softmax_70": make_case(g, lambda x: torch.log_softmax(x, -1), 4 * normal(g, 3, 2, 70)),
}
write_goldens("normalization", cases)
