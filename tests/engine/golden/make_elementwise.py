"""Element-wise functions and broadcasting, from PyTorch. Run: python make_elementwise.py"""

import torch
import torch.nn.functional as F
from cases import make_case, normal, positive
from support import write_goldens

g = torch.Generator().manual_seed(1)
cases = {
    "relu": make_case(g, torch.relu, normal(g, 5, 7)),
    "leaky_relu": make_case(g, lambda x: F.leaky_relu(x, 0.25), normal(g, 5, 7)),
    "sigmoid": make_case(g, torch.sigmoid, 3 * normal(g, 5, 7)),
    "tanh": make_case(g, torch.tanh, normal(g, 5, 7)),
    "exp": make_case(g, torch.exp, normal(g, 5, 7)),
    "log": make_case(g, torch.log, positive(g, 5, 7)),
    "sqrt": make_case(g, torch.sqrt, positive(g, 5, 7)),
    "square": make_case(g, torch.square, normal(g, 5, 7)),
    "abs": make_case(g, torch.abs, normal(g, 5, 7)),
    "affine": make_case(g, lambda x: 1.5 * x - 0.75, normal(g, 5, 7)),
}
shapes = {
    "same": ((2, 3, 4, 5), (2, 3, 4, 5)),
    "channels": ((2, 3, 4, 5), (5,)),
    "images": ((2, 1, 1, 5), (2, 3, 4, 5)),
    "places": ((2, 3, 4, 1), (2, 1, 4, 5)),
    "outer": ((6, 1), (1, 7)),
    "scalar": ((1,), (3, 5)),
}
functions = {
    "add": (torch.add, normal),
    "subtract": (torch.subtract, normal),
    "multiply": (torch.multiply, normal),
    "divide": (torch.divide, positive),
}
# Weights are drawn as the inputs are: all positive for a quotient, so that sums over a broadcast operand do not cancel.
for name, (function, draw) in functions.items():
    for kind, (a, b) in shapes.items():
        cases[f"{name}_{kind}"] = make_case(g, function, draw(g, *a), draw(g, *b), draw_weight=draw)
write_goldens("elementwise", cases)
