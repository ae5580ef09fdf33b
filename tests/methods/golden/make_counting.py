"""Writes counting.bin: counts phi (5N, F), as of N down-sampled pictures and then of their tiles, for each margin the loss
of equation 4 and its gradient, and the share of pictures that their tiles find (float32)."""

import os

import torch

N, F = 4, 6
torch.manual_seed(2)
phi = torch.relu(torch.randn(5, N, F, dtype=torch.float64) + 0.3)
phi[0] += 0.7 * phi[1:].sum(0)  # the whole is like its parts, but for one picture
phi[0, 2] = phi[0, 1] + 0.1


def loss_of(phi, margin):
    whole, tiles = phi[0], phi[1:]
    total = 0.0
    for i in range(N):
        parts = tiles[0, i] + tiles[1, i] + tiles[2, i] + tiles[3, i]
        other = whole[(i + 1) % N]
        total = total + torch.sum((whole[i] - parts) ** 2)
        total = total + torch.clamp(margin - torch.sum((other - parts) ** 2), min=0.0)
    return total / N


values = [phi.reshape(-1)]
for margin in (10.0, 60.0):
    leaf = phi.clone().requires_grad_(True)
    loss = loss_of(leaf, margin)
    loss.backward()
    apart = ((phi[0].roll(-1, 0) - phi[1:].sum(0)) ** 2).sum(1)
    print(margin, loss.item(), apart)
    values += [loss.detach().reshape(1), leaf.grad.reshape(-1)]
distances = torch.cdist(phi[1:].sum(0), phi[0])
found = (distances.argmin(1) == torch.arange(N)).double().mean()
print(distances, found)
values.append(found.reshape(1))
path = os.path.join(os.path.dirname(os.path.abspath(__file__)), "counting.bin")
torch.cat(values).float().numpy().tofile(path)
