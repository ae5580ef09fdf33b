"""Reductions and broadcasting, from PyTorch. Run: python make_reduction.py"""

import torch
from cases import make_case, normal
from support import write_goldens

g = torch.Generator().manual_seed(3)
shape = (3, 4, 2, 5)
axes = {"all": (0, 1, 2, 3), "bias": (0, 1, 2), "places": (1, 2), "last": (3,), "first": (0,), "mixed": (0, 2),
        "outside": (0, 3)}
cases = {}
for name, over in axes.items():
    cases[f"sum_{name}"] = make_case(g, lambda x: x.sum(over), normal(g, *shape))
    cases[f"mean_{name}"] = make_case(g, lambda x: x.mean(over), normal(g, *shape))
    # small whole numbers, so that several are the largest
    cases[f"max_{name}"] = make_case(g, lambda x: x.amax(over), normal(g, *shape).round())
cases["average_pool"] = make_case(g, lambda x: x.mean((1, 2)), normal(g, 3, 4, 2, 5))
cases["broadcast"] = make_case(g, lambda x: x.expand(2, 3, 4, 5), normal(g, 3, 1, 5))
write_goldens("reduction", cases)
