"""Writes colour_bins.bin beside this script: the 313 colour bins, derived from all colours of sRGB, soft encoding, class
rebalancing, the weighted loss of soft targets with its gradient, and the annealed mean.

float32, little endian, one after the other: the bins (313, 2); 400 colours (400, 2), their nearest bins (400, 5) and
shares (400, 5); 200 lightnesses (200), their bins (200, 3) and shares (200, 3); counts (313), the prior (313) and the
weights (313) that they give with lambda 0.5 and sigma 5; the weights with lambda 0.1 and sigma 12 (313); logits
(6, 313) of the first six colours, the loss (1) and its gradient (6, 313); annealed means of the logits, in Lab's units,
with temperatures 0.38 and 1 (2, 6, 2).

Needs numpy, scipy, scikit-image and torch: python make_colour_bins.py
"""
import os

import numpy as np
import torch
from scipy.spatial import ConvexHull
from skimage.color import rgb2lab

rng = np.random.default_rng(5)


def gamut():
    """The corners of the convex hull of a and b of all 2^24 colours."""
    corners = np.zeros((0, 2))
    g, b = np.mgrid[0:256, 0:256]
    for r in range(256):
        plane = rgb2lab(np.stack([np.full_like(g, r), g, b], -1).astype(np.uint8))[..., 1:].reshape(-1, 2)
        both = np.concatenate([corners, plane[ConvexHull(plane).vertices]])
        corners = both[ConvexHull(both).vertices]
    return corners


def touching(corners):
    """Grid points whose square of a whole bin to each side meets the hull: those in the hull widened by that square."""
    square = np.array([(x, y) for x in (-10, 10) for y in (-10, 10)])
    wide = ConvexHull((corners[:, None] + square).reshape(-1, 2)).equations
    grid = np.array([(a, b) for a in range(-130, 131, 10) for b in range(-130, 131, 10)], np.float64)
    return grid[(grid @ wide[:, :2].T + wide[:, 2] < 0).all(1)]


# What the paper's authors published as pts_in_hull: at this a, b from the first to the second.
PUBLISHED = {-90: (50, 90), -80: (20, 90), -70: (0, 90), -60: (-20, 90), -50: (-30, 100), -40: (-40, 100),
             -30: (-50, 100), -20: (-50, 100), -10: (-60, 100), 0: (-70, 100), 10: (-80, 90), 20: (-80, 90),
             30: (-90, 90), 40: (-100, 90), 50: (-100, 80), 60: (-110, 80), 70: (-110, 80), 80: (-110, 70),
             90: (-110, 70), 100: (-90, 0)}
bins = touching(gamut())
published = np.array([(a, b) for a, (low, high) in PUBLISHED.items() for b in range(low, high + 1, 10)])
assert len(bins) == 313 and (bins == published).all()

out = []


def encode(values, centres, neighbours, sigma):
    squares = ((values[:, None] - centres[None]) ** 2).sum(-1)
    nearest = np.argsort(squares, 1, kind="stable")[:, :neighbours]
    shares = np.exp(-np.take_along_axis(squares, nearest, 1) / (2 * sigma**2))
    return nearest, shares / shares.sum(1, keepdims=True)


def rebalance(counts, smoothing, mixed):
    kernel = np.exp(-((bins[:, None] - bins[None]) ** 2).sum(-1) / (2 * smoothing**2))
    prior = (counts / counts.sum()) @ (kernel / kernel.sum(1, keepdims=True))
    weights = 1 / ((1 - mixed) * prior + mixed / len(bins))
    return prior, weights / (prior * weights).sum()


colours = np.concatenate([rng.uniform(-112, 112, (200, 2)), rng.normal(0, 15, (199, 2)), [[-86.18, 83.18]]])
colours = colours.astype(np.float32).astype(np.float64)
nearest, shares = encode(colours, bins, 5, 5)
lightness = np.concatenate([rng.uniform(0, 100, 196), [0, 100, 0.3, 99.9]]).astype(np.float32).astype(np.float64)
out += [bins, colours, nearest, shares, lightness, *encode(lightness[:, None], np.arange(1, 100, 2)[:, None], 3, 1)]

counts = np.floor(10000 * np.exp(-(bins**2).sum(1) / (2 * 20**2)))
prior, weights = rebalance(counts, 5, 0.5)
out += [counts, prior, weights, rebalance(counts, 12, 0.1)[1]]

logits = torch.tensor(rng.normal(0, 2, (6, 313)).astype(np.float32), dtype=torch.float64, requires_grad=True)
target = torch.zeros(6, 313, dtype=torch.float64).scatter_(1, torch.tensor(nearest[:6]), torch.tensor(shares[:6]))
weight = torch.tensor(weights[nearest[:6, 0]])
loss = -(weight * (target * torch.log_softmax(logits, 1)).sum(1)).sum() / weight.sum()
loss.backward()
out += [logits.detach(), loss.detach(), logits.grad]
out += [torch.softmax(logits.detach() / t, 1) @ torch.tensor(bins) for t in (0.38, 1)]

with open(os.path.join(os.path.dirname(os.path.abspath(__file__)), "colour_bins.bin"), "wb") as f:
    for a in out:
        np.asarray(a, "<f4").tofile(f)
