"""A GRU of one layer: torch.nn.GRU in float64. Run: python make_gru.py"""

import torch
from cases import as_bf16, make_case, normal
from support import write_goldens

g = torch.Generator().manual_seed(11)


def gru(samples, times, inputs, hidden):
    network = torch.nn.GRU(inputs, hidden, batch_first=True).double()
    for parameter in network.parameters():
        parameter.data = as_bf16(0.5 * normal(g, *parameter.shape))
    case = make_case(g, lambda x: network(x)[0], normal(g, samples, times, inputs))
    for name, parameter in network.named_parameters():
        case[f"parameter.gru.{name}"] = parameter
        case[f"gradient.gru.{name}"] = parameter.grad
    return case


write_goldens("gru", {"short": gru(3, 4, 5, 6), "one": gru(2, 1, 3, 4), "long": gru(2, 40, 4, 17), "alone": gru(1, 7, 1, 1)})
