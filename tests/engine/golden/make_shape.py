"""Operations that move elements, from PyTorch. Run: python make_shape.py"""

import torch
import torch.nn.functional as F
from cases import make_case, normal
from support import write_goldens

g = torch.Generator().manual_seed(2)


def nhwc(function):
    """A function of (N, C, H, W) for (N, H, W, C)."""
    return lambda x: function(x.permute(0, 3, 1, 2)).permute(0, 2, 3, 1)


cases = {
    "reshape": make_case(g, lambda x: x.reshape(6, 20), normal(g, 2, 3, 4, 5)),
    "slice_rows": make_case(g, lambda x: x[1:3], normal(g, 4, 5, 3)),
    "slice_middle": make_case(g, lambda x: x[:, 2:5], normal(g, 4, 6, 3)),
    "slice_last": make_case(g, lambda x: x[..., 1:2], normal(g, 4, 5, 3)),
    "concatenate_rows": make_case(g, lambda a, b: torch.cat([a, b, a], 0), normal(g, 2, 5), normal(g, 3, 5)),
    "concatenate_last": make_case(g, lambda a, b: torch.cat([a, b, a], 2), normal(g, 2, 3, 4), normal(g, 2, 3, 1)),
    "transpose_matrix": make_case(g, lambda x: x.T, normal(g, 19, 35)),
    "transpose_nchw": make_case(g, lambda x: x.permute(0, 3, 1, 2), normal(g, 2, 3, 5, 18)),
    "transpose_rows": make_case(g, lambda x: x.permute(1, 0, 2), normal(g, 3, 4, 5)),
    "transpose_all": make_case(g, lambda x: x.permute(4, 2, 0, 3, 1), normal(g, 2, 3, 4, 2, 5)),
    "gather": make_case(g, lambda x, i: x[i.long()], normal(g, 4, 2, 3),
                        torch.tensor([1, 1, 3, 0, 1, 3], dtype=torch.int32)),
    "pad_zero": make_case(g, nhwc(lambda x: F.pad(x, (1, 2, 3, 0))), normal(g, 2, 3, 4, 5)),
    "pad_reflect": make_case(g, nhwc(lambda x: F.pad(x, (3, 2, 1, 2), "reflect")), normal(g, 2, 3, 4, 5)),
    "pad_replicate": make_case(g, nhwc(lambda x: F.pad(x, (3, 2, 1, 2), "replicate")), normal(g, 2, 3, 4, 5)),
    "pad_channels": make_case(g, lambda x: F.pad(x, (2, 1, 0, 0, 0, 0, 1, 0)), normal(g, 2, 3, 2, 3)),
    "pixel_shuffle": make_case(g, nhwc(lambda x: F.pixel_shuffle(x, 3)), normal(g, 2, 2, 3, 18)),
}
write_goldens("shape", cases)
