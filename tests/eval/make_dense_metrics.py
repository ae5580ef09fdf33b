"""Writes golden/: what scikit-learn and torchmetrics make of a segmentation, NumPy of depths.

segmentation.npy (N, 2): truth and prediction of each pixel, truth -1 for void. segmentation_figures.npy (2, 6): the IoU of each
class (-1: it does not occur); pixel accuracy, mean accuracy, mean IoU, weighted IoU, 0, 0. depth.npy (2 x pictures, pixels):
truth, then prediction of each picture, truth 0 for unknown. depth_figures.npy: abs rel, RMSE, RMSE of logarithms, log10,
deltas, scale-invariant error. Per cent where the C code has per cent.
"""

import os

import numpy as np
import torch
from sklearn.metrics import accuracy_score, confusion_matrix, jaccard_score
from torchmetrics.classification import MulticlassJaccardIndex

CLASSES, ABSENT = 6, 5
GOLDEN = os.path.join(os.path.dirname(os.path.abspath(__file__)), "golden")


def segmentation(rng):
    truth = rng.choice([-1, 0, 1, 2, 3], 700, p=[0.1, 0.5, 0.2, 0.15, 0.05])  # 4 is only ever predicted, 5 never occurs
    predicted = np.where(rng.random(700) < 0.6, np.maximum(truth, 0), rng.integers(0, 5, 700))
    t, p = truth[truth >= 0], predicted[truth >= 0]
    occurring = sorted(set(t) | set(p))
    assert ABSENT not in occurring and 4 in occurring and 4 not in t
    iou = np.full(CLASSES, -1.0)
    iou[occurring] = 100 * jaccard_score(t, p, labels=occurring, average=None)
    peer = MulticlassJaccardIndex(CLASSES, average="none", ignore_index=-1)
    theirs = 100 * peer(torch.tensor(predicted), torch.tensor(truth)).numpy()
    assert np.allclose(theirs[occurring], iou[occurring], atol=1e-4)
    share = confusion_matrix(t, p, labels=range(CLASSES)).sum(1) / len(t)
    mean_accuracy = np.mean([np.mean(p[t == c] == c) for c in sorted(set(t))])
    figures = [accuracy_score(t, p), mean_accuracy, iou[occurring].mean() / 100, (share * np.maximum(iou, 0)).sum() / 100, 0, 0]
    np.save(os.path.join(GOLDEN, "segmentation.npy"), np.stack([truth, predicted], 1).astype(np.float32))
    np.save(os.path.join(GOLDEN, "segmentation_figures.npy"), np.stack([iou, 100 * np.array(figures)]))


def depth(rng):
    truth = np.exp(rng.normal(0.8, 0.7, (5, 60))).astype(np.float32)
    predicted = (truth * np.exp(rng.normal(0.1, 0.35, truth.shape))).astype(np.float32)
    truth[rng.random(truth.shape) < 0.2] = 0
    truth[3] = 0
    known = truth > 0
    t, p = truth[known].astype(np.float64), predicted[known].astype(np.float64)
    ratio = np.maximum(t / p, p / t)
    d = [np.log(predicted[i][known[i]].astype(np.float64)) - np.log(truth[i][known[i]].astype(np.float64)) for i in range(5) if known[i].any()]
    figures = [
        np.mean(np.abs(p - t) / t),
        np.sqrt(np.mean((p - t) ** 2)),
        np.sqrt(np.mean((np.log(p) - np.log(t)) ** 2)),
        np.mean(np.abs(np.log10(p) - np.log10(t))),
        *[100 * np.mean(ratio < 1.25**k) for k in (1, 2, 3)],
        np.sqrt(np.mean([x.var() for x in d])),
    ]
    both = np.empty((10, 60), np.float32)
    both[0::2], both[1::2] = truth, predicted
    np.save(os.path.join(GOLDEN, "depth.npy"), both)
    np.save(os.path.join(GOLDEN, "depth_figures.npy"), np.array(figures))


if __name__ == "__main__":
    segmentation(np.random.default_rng(0))
    depth(np.random.default_rng(1))
