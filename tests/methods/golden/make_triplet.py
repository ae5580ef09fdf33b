"""Writes triplet.txt: batch hard triplet losses and their gradients, by PyTorch in float64.

A case is a line of views, instances, dimensions and margin (-1: soft); then the embeddings (views * instances rows, view
by view), the loss, the gradient and the share of embeddings whose nearest other is of the same instance.

Run: python make_triplet.py
"""
import os

import torch

g = torch.Generator().manual_seed(3)


def batch_hard(x, views, margin):
    """Hermans et al. 2017, equation 5, row by row."""
    z = torch.nn.functional.normalize(x, dim=1)
    rows, instances = len(x), len(x) // views
    losses, found = [], 0
    for a in range(rows):
        distance = [(z[a] - z[k]).norm() for k in range(rows) if k != a]
        same = [k % instances == a % instances for k in range(rows) if k != a]
        farthest = max(d for d, s in zip(distance, same) if s)
        nearest = min(d for d, s in zip(distance, same) if not s)
        difference = farthest - nearest
        losses.append(torch.log1p(difference.exp()) if margin < 0 else torch.relu(difference + margin))
        found += same[min(range(rows - 1), key=lambda k: distance[k])]
    return sum(losses) / rows, found / rows


with open(os.path.join(os.path.dirname(os.path.abspath(__file__)), "triplet.txt"), "w") as file:
    for views, instances, dims, margin in [(2, 4, 3, -1), (2, 2, 5, 0.5), (3, 5, 4, -1), (8, 3, 6, 0.2), (2, 16, 8, 0.0)]:
        base = torch.randn(instances, dims, generator=g).repeat(views, 1)
        x = (base + 0.6 * torch.randn(views * instances, dims, generator=g)).double().requires_grad_()
        loss, share = batch_hard(x, views, margin)
        loss.backward()
        file.write(f"{views} {instances} {dims} {margin}\n")
        for row in x.tolist() + [[loss.item()]] + x.grad.tolist() + [[share]]:
            file.write(" ".join(f"{v:.9g}" for v in row) + "\n")
