"""Losses, from PyTorch. Run: python make_loss.py"""

import torch
import torch.nn.functional as F
from cases import make_case, normal, positive
from support import write_goldens

g = torch.Generator().manual_seed(4)


def labels(rows, classes, *ignored):
    drawn = torch.randint(classes, (rows,), generator=g, dtype=torch.int32)
    for i, value in ignored:
        drawn[i] = value
    return drawn


def cross_entropy(logits, y):
    y = y.long()
    y = torch.where((y < 0) | (y >= logits.shape[1]), -100, y)
    return F.cross_entropy(logits, y)


def soft(logits, targets):
    return F.cross_entropy(logits, targets)


def weighted(logits, y):
    weight = torch.tensor([0.5, 2.0, 0.0, 1.0, 3.0], dtype=torch.float64)
    return (weight * F.cross_entropy(logits, y.long(), reduction="none")).sum() / weight.sum()


def weighted_soft(logits, targets):
    weight = torch.tensor([0.5, 2.0, 0.0, 1.0, 3.0], dtype=torch.float64)
    return (weight * F.cross_entropy(logits, targets, reduction="none")).sum() / weight.sum()


def info_nce(q, k, negatives):
    q, k, negatives = (F.normalize(x, dim=1) for x in (q, k, negatives))
    logits = torch.cat([(q * k).sum(1, keepdim=True), q @ negatives.T], 1) / 0.2
    return F.cross_entropy(logits, torch.zeros(len(q), dtype=torch.long))


def info_nce_batch(q, k):
    logits = F.normalize(q, dim=1) @ F.normalize(k, dim=1).T / 0.2
    return F.cross_entropy(logits, torch.arange(len(q)))


def nt_xent(z):
    z = F.normalize(z, dim=1)
    n = len(z) // 2
    similarity = (z @ z.T / 0.5).masked_fill(torch.eye(2 * n, dtype=torch.bool), float("-inf"))
    return F.cross_entropy(similarity, (torch.arange(2 * n) + n) % (2 * n))


def signs(*shape):
    return torch.where(torch.rand(*shape, generator=g) < 0.5, -1.0, 1.0).double()


# Sixteenths that sum to one exactly, in bf16 too.
targets = torch.tensor([[1, 2, 3, 4, 6, 0], [16, 0, 0, 0, 0, 0], [2, 2, 2, 2, 4, 4], [0, 8, 0, 8, 0, 0],
                        [5, 5, 1, 1, 2, 2]], dtype=torch.float64) / 16
cases = {
    "cross_entropy": make_case(g, cross_entropy, 3 * normal(g, 7, 10), labels(7, 10)),
    "cross_entropy_ignored": make_case(g, cross_entropy, 3 * normal(g, 7, 10), labels(7, 10, (1, -1), (4, 10))),
    "cross_entropy_wide": make_case(g, cross_entropy, 5 * normal(g, 2, 2100), labels(2, 2100, (0, 2099))),
    "cross_entropy_large": make_case(g, cross_entropy, 200 * normal(g, 5, 6), labels(5, 6)),
    "cross_entropy_weighted": make_case(g, weighted, 3 * normal(g, 5, 6), labels(5, 6)),
    "cross_entropy_soft": make_case(g, soft, 3 * normal(g, 5, 6), targets),
    "cross_entropy_weighted_soft": make_case(g, weighted_soft, 3 * normal(g, 5, 6), targets),
    "binary_cross_entropy": make_case(g, F.binary_cross_entropy_with_logits, 4 * normal(g, 5, 6),
                                      positive(g, 5, 6) / 2),
    "l1": make_case(g, F.l1_loss, normal(g, 5, 6), normal(g, 5, 6)),
    "l2": make_case(g, F.mse_loss, normal(g, 5, 6), normal(g, 5, 6)),
    "smooth_l1": make_case(g, lambda p, t: F.smooth_l1_loss(p, t, beta=0.5), normal(g, 5, 6), normal(g, 5, 6)),
    "hinge": make_case(g, lambda p, s: torch.clamp(1 - p * s, min=0).mean(), normal(g, 5, 6), signs(5, 6)),
    "triplet": make_case(g, lambda a, p, n: F.triplet_margin_loss(a, p, n, margin=0.8), normal(g, 6, 4),
                         normal(g, 6, 4), normal(g, 6, 4)),
    "info_nce": make_case(g, info_nce, normal(g, 4, 8), normal(g, 4, 8), normal(g, 9, 8)),
    "info_nce_batch": make_case(g, info_nce_batch, normal(g, 5, 8), normal(g, 5, 8)),
    "nt_xent": make_case(g, nt_xent, normal(g, 8, 6)),
}
write_goldens("loss", cases)
