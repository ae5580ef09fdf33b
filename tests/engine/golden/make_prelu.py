"""PReLU with a slope for each channel, from PyTorch in float64. Run: python make_prelu.py"""

import torch
import torch.nn.functional as F
from cases import make_case, normal
from support import write_goldens

g = torch.Generator().manual_seed(8)


def prelu(*shape):
    slope = (0.25 + 0.2 * normal(g, shape[-1])).float().double().requires_grad_()
    case = make_case(g, lambda x: F.prelu(x.movedim(-1, 1), slope).movedim(1, -1), normal(g, *shape))
    case["parameter.prelu.weight"] = slope
    case["gradient.prelu.weight"] = slope.grad
    return case


write_goldens(
    "prelu", {"vectors": prelu(5, 3), "picture": prelu(2, 5, 4, 16), "uneven": prelu(3, 7, 33), "wide": prelu(2, 1030)}
)
