"""Pooling and resizing, from PyTorch in float64. Run: python make_pooling.py"""

import torch.nn.functional as F
import torch
from cases import make_case, normal
from support import write_goldens

g = torch.Generator().manual_seed(4)


def case(function, *shape, coarse=False):
    x = normal(g, *shape)
    if coarse:  # many equal numbers: which of them wins matters
        x = x.round()
    return make_case(g, lambda t: function(t.movedim(-1, 1)).movedim(1, -1), x)


def resize(*size):
    return lambda x: F.interpolate(x, size=size, mode="bilinear", align_corners=False)


cases = {
    "max_resnet": case(lambda x: F.max_pool2d(x, 3, 2, 1), 2, 7, 6, 3),
    "max_ties": case(lambda x: F.max_pool2d(x, 3, 2, 1), 2, 7, 7, 16, coarse=True),
    "max_uneven": case(lambda x: F.max_pool2d(x, (3, 2), (1, 3), (1, 0)), 2, 5, 7, 33),
    "max_large": case(lambda x: F.max_pool2d(x, 17, 1), 1, 18, 18, 3),
    "max_3d": case(lambda x: F.max_pool3d(x, (2, 3, 2), (1, 2, 2), (1, 1, 0)), 1, 3, 5, 4, 16),
    "average": case(lambda x: F.avg_pool2d(x, 2), 2, 4, 6, 64),
    "average_padded": case(lambda x: F.avg_pool2d(x, 3, 2, 1), 2, 6, 5, 3),
    "average_inside": case(lambda x: F.avg_pool2d(x, 3, 2, 1, count_include_pad=False), 2, 6, 5, 3),
    "average_3d": case(lambda x: F.avg_pool3d(x, (1, 2, 3), (1, 2, 1), (0, 1, 1)), 1, 2, 4, 3, 16),
    "adaptive_average": case(lambda x: F.adaptive_avg_pool2d(x, (3, 2)), 2, 7, 5, 3),
    "adaptive_average_larger": case(lambda x: F.adaptive_avg_pool2d(x, (6, 7)), 1, 4, 5, 3),
    "adaptive_max": case(lambda x: F.adaptive_max_pool2d(x, (3, 4)), 2, 8, 6, 33, coarse=True),
    "adaptive_max_large": case(lambda x: F.adaptive_max_pool2d(x, (1, 1)), 1, 20, 20, 3),
    "resize_up": case(resize(7, 9), 2, 3, 4, 3),
    "resize_down": case(resize(3, 2), 1, 8, 7, 33),
    "resize_double": case(resize(8, 8), 1, 4, 4, 16),
    "resize_one": case(resize(3, 5), 1, 1, 1, 3),
}
write_goldens("pooling", cases)
