"""Writes joint_embedding.bin: the losses of SimCLR, MoCo and BYOL and their gradients, by lightly's own classes.

Run: python make_joint_embedding.py (needs lightly)
"""

import torch
import torch.nn.functional as F
from cases import make_case, normal
from lightly.loss import NegativeCosineSimilarity, NTXentLoss
from support import write_goldens

g = torch.Generator().manual_seed(11)


def simclr(z):
    return NTXentLoss(0.5)(*z.chunk(2))


def moco(q, k, queue):
    """The queue is lightly's memory bank, full, its oldest key first."""
    criterion = NTXentLoss(0.2, memory_bank_size=tuple(queue.shape))
    criterion.memory_bank.bank = F.normalize(queue.detach(), dim=1)
    criterion.memory_bank.bank_ptr = torch.zeros(1, dtype=torch.long)
    return criterion(q, k.detach())


def byol(p, z):
    """Predictions of both views and the targets' projections of both, as pretraining by lightly pairs them."""
    criterion = NegativeCosineSimilarity()
    (p0, p1), (z0, z1) = p.chunk(2), z.detach().chunk(2)
    return 0.5 * (criterion(p0, z1) + criterion(p1, z0))


write_goldens("joint_embedding", {
    "simclr": make_case(g, simclr, normal(g, 24, 16)),
    "moco": make_case(g, moco, normal(g, 12, 16), normal(g, 12, 16), normal(g, 40, 16)),
    "byol": make_case(g, byol, normal(g, 20, 16), normal(g, 20, 16)),
})
