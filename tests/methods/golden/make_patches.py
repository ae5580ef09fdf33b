"""Writes patches.safetensors: what tests/methods compare the patch methods with. From NumPy: the greedy set of permutations over
all 362,880, and what is done to a patch. From PyTorch in float64: transformer layers and the losses of relative-patch,
jigsaw, selfie and cpc with a small ResNet, with gradients.

Parameters and pictures are not stored: both sides make them from their names (`numbers`). Every bias before a ReLU is
about 3, so that hardly any is met at its kink, where rounding alone would change gradients.

Run: python make_patches.py
"""

import itertools
import os

import numpy as np
import torch
import torchvision
from safetensors.numpy import save_file
from torch import nn
from torch.nn import functional as F

golden = {}


def numbers(name, count):
    """In [-1, 1), 24 bits each, by SplitMix64 from the FNV-1a hash of the name."""
    hash = 14695981039346656037
    for byte in name.encode():
        hash = (hash ^ byte) * 1099511628211 % 2**64
    with np.errstate(over="ignore"):
        z = np.uint64(hash) + np.arange(1, count + 1, dtype=np.uint64) * np.uint64(0x9E3779B97F4A7C15)
        z = (z ^ z >> np.uint64(30)) * np.uint64(0xBF58476D1CE4E5B9)
        z = (z ^ z >> np.uint64(27)) * np.uint64(0x94D049BB133111EB)
        z ^= z >> np.uint64(31)
    return (z >> np.uint64(40)).astype(np.float64) / 2**23 - 1


def tensor(name, *shape, scale=1.0, offset=0.0):
    values = (offset + scale * numbers(name, int(np.prod(shape)))).astype(np.float32)
    return torch.from_numpy(values.astype(np.float64).reshape(shape))


def fill(module):
    for name, parameter in module.named_parameters():
        if parameter.ndim > 1:
            parameter.data = tensor(name, *parameter.shape, scale=(3 / np.prod(parameter.shape[1:])) ** 0.5)
        elif name.endswith("weight"):
            parameter.data = tensor(name, *parameter.shape, scale=0.3, offset=1.0)
        else:
            parameter.data = tensor(name, *parameter.shape, scale=0.3, offset=0.0 if "attn" in name else 3.0)
    return module.double().train()


def keep(case, **values):
    for key, value in values.items():
        value = value.detach().numpy() if isinstance(value, torch.Tensor) else np.asarray(value)
        golden[f"{case}.{key}"] = np.ascontiguousarray(value.astype(np.int32 if value.dtype.kind == "i" else np.float32))


def keep_gradients(case, module):
    for name, parameter in module.named_parameters():
        flat = parameter.grad.reshape(-1)
        keep(case, **{f"gradient.{name}": torch.cat([flat.norm()[None], flat[:: -(-flat.numel() // 16)]])})


# ---- the set of permutations ----

def greedy(first, count):
    everything = np.array(list(itertools.permutations(range(9))), dtype=np.int8)
    distance = np.zeros(len(everything), dtype=np.int64)
    chosen = [first]
    while len(chosen) < count:
        distance += (everything != everything[chosen[-1]]).sum(1)
        distance[chosen] = -1
        chosen.append(int(distance.argmax()))
    return everything[chosen]


def distances(set):
    apart = (set[:, None] != set[None]).sum(2)[np.triu_indices(len(set), 1)]
    return apart.min(), apart.mean()


for first, count in [(0, 64), (201234, 1000), (362879, 100)]:
    chosen = greedy(first, count)
    keep(f"permutations.{first}", set=chosen.astype(np.int32), smallest=distances(chosen)[0])
    for n in (64, 100, 1000):
        if n <= count:
            print(f"from {first}, {n} permutations: smallest distance %d, mean %.3f" % distances(chosen[:n]))

# ---- patches ----

patch = tensor("patch", 35, 3).numpy()
a = np.array([[-1.0, 2.0, -1.0]])
keep("patch", less_mean=patch - patch.mean(0), normalised=(patch - patch.mean(0)) / patch.std(0),
     projected=patch @ (np.eye(3) - a.T @ a / (a @ a.T)))

# ---- transformer layers ----

for case, first in [("post", False), ("pre", True)]:
    network = nn.Module()
    network.layer = nn.TransformerEncoderLayer(24, 4, 20, 0.0, batch_first=True, norm_first=first)
    x = tensor("x", 3, 5, 24).requires_grad_()
    output = fill(network).layer(x)
    (output * tensor("weight", 3, 5, 24)).sum().backward()
    keep(case, output=output, gradient=x.grad)
    keep_gradients(case, network)

# ---- the methods: size 48, batch 4, ResNet-18 of width 4 with the small stem ----


def backbone():
    network = torchvision.models.resnet18()
    for name, layer in list(network.named_modules()):
        owner = network.get_submodule(name.rpartition(".")[0])
        if isinstance(layer, nn.Conv2d):
            new = nn.Conv2d(max(3, layer.in_channels // 16), layer.out_channels // 16, layer.kernel_size, layer.stride,
                            layer.padding, bias=False)
            setattr(owner, name.rpartition(".")[2], new)
        elif isinstance(layer, nn.BatchNorm2d):
            setattr(owner, name.rpartition(".")[2], nn.BatchNorm2d(layer.num_features // 16))
    network.conv1 = nn.Conv2d(3, 4, 3, 1, 1, bias=False)
    network.maxpool = network.fc = nn.Identity()
    return network


def head(inputs, hidden, outputs):
    layers = nn.Module()
    layers.layers = nn.Sequential(nn.Linear(inputs, hidden, bias=False), nn.BatchNorm1d(hidden), nn.ReLU(),
                                  nn.Linear(hidden, outputs))
    return layers


def pictures(name, views, side):
    """(views * 4, 3, side, side), channels first."""
    return tensor(name, views * 4, side, side, 3, scale=2.0).permute(0, 3, 1, 2)


def finish(case, module, logits, labels, **inputs):
    loss = F.cross_entropy(logits, labels)
    loss.backward()
    keep(case, loss=loss, logits=logits, score=(logits.argmax(1) == labels).double().mean(), **inputs)
    keep_gradients(case, module)


N, D = 4, 32

network = nn.Module()
network.backbone, network.head = backbone(), head(2 * D, 24, 8)
fill(network)
position = torch.tensor([3, 0, 7, 5])
h = network.backbone(pictures("patches", 2, 12))
logits = network.head.layers(torch.cat([h[:N], h[N:]], 1))
finish("relative-patch", network, logits, position, position=position)

network = nn.Module()
network.backbone, network.head = backbone(), head(9 * D, 24, 30)
fill(network)
permutation = torch.tensor([29, 2, 17, 0])
h = network.backbone(pictures("tiles", 9, 13))
logits = network.head.layers(torch.cat([h[view * N: view * N + N] for view in range(9)], 1))
finish("jigsaw", network, logits, permutation, permutation=permutation)

network = nn.Module()
network.backbone, network.place, network.attention = backbone(), nn.Module(), nn.Module()
network.place.rows, network.place.columns = nn.Parameter(torch.zeros(3, D)), nn.Parameter(torch.zeros(3, D))
network.attention.u0 = nn.Parameter(torch.zeros(1, 1, D))
network.attention.layers = nn.ModuleList(nn.TransformerEncoderLayer(D, 2, 20, 0.0, batch_first=True) for _ in range(2))
fill(network)
order = torch.from_numpy(np.stack([numbers(f"order{i}", 9).argsort() for i in range(N)]))  # (N, 9)
rows, columns = order // 3, order % 3
h = network.backbone(pictures("patches", 9, 16)).reshape(9, N, D).transpose(0, 1)
place = network.place.rows[rows] + network.place.columns[columns]
x = torch.cat([network.attention.u0.expand(N, 1, D), (h + place)[:, :6]], 1)
for layer in network.attention.layers:
    x = layer(x)
logits = []
for i in range(N):
    for target in range(6, 9):
        v = x[i, 0] + place[i, target]
        logits.append(torch.stack([v @ h[i, candidate] for candidate in range(6, 9)]) / D**0.5)
finish("selfie", network, torch.stack(logits), torch.arange(3).repeat(N), rows=rows.T.reshape(-1),
       columns=columns.T.reshape(-1))


# Contrastive predictive coding: a 4 x 4 grid of 12 px patches, rows 1 and 2 further on, in all four directions. The
# candidates are all the patches of the batch, place by place.


class MaskedBlock(nn.Module):
    """The block of pixelCNN in Henaff et al.'s appendix: 1x1, 1x3, a row of padding above and 2x1, 1x1."""

    def __init__(self, channels, hidden):
        super().__init__()
        self.conv1 = nn.Conv2d(channels, hidden, 1)
        self.conv2 = nn.Conv2d(hidden, hidden, (1, 3), padding=(0, 1))
        self.conv3 = nn.Conv2d(hidden, hidden, (2, 1))
        self.conv4 = nn.Conv2d(hidden, channels, 1)

    def forward(self, x):
        y = self.conv2(self.conv1(x).relu())
        return x + self.conv4(self.conv3(F.pad(y, (0, 0, 1, 0))).relu())


G, T = 4, 10
network = nn.Module()
network.backbone, network.target = backbone(), nn.Linear(D, T)
for direction in ("down", "up", "right", "left"):
    heads = nn.Module()
    heads.context = nn.Sequential(MaskedBlock(D, 12), MaskedBlock(D, 12))
    heads.w1, heads.w2 = nn.Linear(D, T, bias=False), nn.Linear(D, T, bias=False)
    setattr(network, direction, heads)
fill(network)
z = network.backbone(pictures("patches", G * G, 12)).reshape(G, G, N, D)
candidates = network.target(z).reshape(-1, T)
numbered = torch.arange(G * G * N).reshape(G, G, N)
losses, scores, shown = [], {1: [], 2: []}, []
for direction in ("down", "up", "right", "left"):
    turn = {"down": lambda x: x, "up": lambda x: x.flip(0), "right": lambda x: x.transpose(0, 1),
            "left": lambda x: x.transpose(0, 1).flip(0)}[direction]
    heads, place = getattr(network, direction), turn(numbered)
    c = heads.context(turn(z).permute(2, 3, 0, 1)).relu()  # (N, D, G, G)
    for k in (1, 2):
        rows, labels = [], []
        for n in range(N):
            for row in range(G - k):
                for column in range(G):
                    w = getattr(heads, f"w{k}").weight
                    rows.append(torch.stack([f @ (w @ c[n, :, row, column]) * 0.1 for f in candidates]))
                    labels.append(place[row + k, column, n])
        logits, labels = torch.stack(rows), torch.stack(labels)
        losses.append(F.cross_entropy(logits, labels))
        scores[k].append((logits.argmax(1) == labels).double().mean())
        if direction == "down":
            shown.append(logits.reshape(N, G - k, G, -1)[:, G - 1 - 2])
loss = torch.stack(losses).mean()
loss.backward()
keep("cpc", loss=loss, logits=torch.cat(shown, 1), score=torch.stack(scores[1] + scores[2]).mean())
keep_gradients("cpc", network)

save_file(golden, os.path.join(os.path.dirname(os.path.abspath(__file__)), "patches.safetensors"))
