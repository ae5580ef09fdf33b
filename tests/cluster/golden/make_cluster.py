"""Goldens of the cluster room: scikit-learn's k-means, PCA, t-SNE and measures of agreement, Sinkhorn-Knopp in NumPy.

Writes NAME.txt beside itself: rows and columns, then a line a row.
"""

import os

import numpy as np
from sklearn.cluster import KMeans
from sklearn.decomposition import PCA
from sklearn.manifold import TSNE, trustworthiness
from sklearn.manifold._t_sne import _joint_probabilities
from sklearn.metrics import adjusted_rand_score, normalized_mutual_info_score, pairwise_distances
from scipy.spatial.distance import squareform

HERE = os.path.dirname(os.path.abspath(__file__))


def write(name, table):
    table = np.atleast_2d(table)
    with open(os.path.join(HERE, name + ".txt"), "w") as file:
        file.write("%d %d\n" % table.shape)
        for row in table:
            file.write(" ".join("%.9g" % value for value in row) + "\n")


def sinkhorn(scores, epsilon, iterations):
    """SwAV's appendix A.1, in float64."""
    q = np.exp(scores.astype(np.float64) / epsilon).T
    q /= q.sum()
    prototypes, samples = q.shape
    for _ in range(iterations):
        q /= q.sum(axis=1, keepdims=True)
        q /= prototypes
        q /= q.sum(axis=0, keepdims=True)
        q /= samples
    return (q * samples).T


def main():
    random = np.random.default_rng(7)
    means = random.normal(size=(6, 5)) * 2
    x = (means[random.integers(6, size=150)] + random.normal(size=(150, 5)) + 3).astype(np.float32)
    start = x[:8]
    write("points", x)
    for iterations in (1, 4):
        fitted = KMeans(8, init=start, n_init=1, max_iter=iterations, tol=0, algorithm="lloyd").fit(x)
        write("centroids_%d" % iterations, fitted.cluster_centers_)
        write("assignment_%d" % iterations, fitted.labels_)
        write("inertia_%d" % iterations, fitted.inertia_)

    mixed = (random.normal(size=(80, 7)) * [5, 3, 2, 1, 1.5, 0.5, 0.2] @ random.normal(size=(7, 7)) + 10).astype(
        np.float32
    )
    pca = PCA(4, whiten=True, svd_solver="full").fit(mixed.astype(np.float64))
    axes = pca.components_
    signs = np.sign(axes[np.arange(4), np.abs(axes).argmax(axis=1)])
    write("features", mixed)
    write("whitened", pca.transform(mixed.astype(np.float64)) * signs)
    write("variances", pca.explained_variance_)

    scores = random.uniform(-1, 1, size=(12, 5)).astype(np.float32)
    write("scores", scores)
    write("codes_3", sinkhorn(scores, 0.05, 3))
    write("codes_1", sinkhorn(scores, 0.5, 1))

    a = random.integers(5, size=60)
    b = np.where(random.random(60) < 0.6, a, random.integers(9, size=60))
    c = random.integers(4, size=60)
    pairs = ((a, b), (a, c), (b, c))
    write("labels", np.stack([a, b, c]))
    write("agreement", [[normalized_mutual_info_score(*p), adjusted_rand_score(*p)] for p in pairs])

    squares = pairwise_distances(x[:40], metric="euclidean", squared=True)
    write("affinities", squareform(_joint_probabilities(squares, 10, 0)))
    plane = PCA(2, svd_solver="full").fit_transform(x.astype(np.float64))
    write("plane", plane)
    reached = []  # the descent is chaotic: starts that differ in the fifth digit end several per cent apart
    for seed in range(8):
        start = plane / plane[:, 0].std() * 1e-4 * (1 + 1e-5 * np.random.default_rng(seed).normal(size=plane.shape))
        tsne = TSNE(perplexity=30, init=start, method="exact").fit(x)
        reached.append([tsne.kl_divergence_, trustworthiness(x, tsne.embedding_, n_neighbors=10)])
    write("tsne", np.mean(reached, axis=0))


if __name__ == "__main__":
    main()
