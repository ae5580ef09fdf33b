"""Writes golden/: k-NN by PyTorch, and softmax regression by scikit-learn, checked against PyTorch's L-BFGS.

train.npy (N, D + 1) and test.npy (M, D + 1): features, the class last. knn.npy (M, 21): the 20 nearest, then the class that
wins the vote. linear.npy (M, 2): the predicted class, and by how much its logit leads. label_sets.npy (M, 7): the logits of
a logistic regression for each class. figures.npy: k-NN's top-1, the
regression's top-1, top-5 and loss, the mean average precision of retrieval by cosine.
"""

import os

import numpy as np
import torch
from sklearn.linear_model import LogisticRegression
from sklearn.metrics import average_precision_score
from torch import nn

CLASSES, DIM, DECAY = 7, 12, 1e-4


def draw(count, generator):
    y = torch.arange(count) % CLASSES
    centres = torch.randn(CLASSES, DIM, generator=torch.Generator().manual_seed(3))
    x = centres[y] + 1.1 * torch.randn(count, DIM, generator=generator)
    return x * torch.logspace(-1, 1, DIM) + torch.linspace(-3, 5, DIM), y


def knn(xtr, ytr, xte, k=20, t=0.07):
    sim, nearest = (nn.functional.normalize(xte) @ nn.functional.normalize(xtr).T).topk(k, 1)
    votes = torch.zeros(len(xte), CLASSES, dtype=xtr.dtype).scatter_add_(1, ytr[nearest], (sim / t).exp())
    return nearest, votes.argmax(1)


def torch_loss(x, y):
    net = nn.Linear(DIM, CLASSES).double()
    optimizer = torch.optim.LBFGS(net.parameters(), max_iter=100, line_search_fn="strong_wolfe")

    def closure():
        optimizer.zero_grad()
        loss = nn.functional.cross_entropy(net(x), y) + DECAY * net.weight.pow(2).sum()
        loss.backward()
        return loss

    optimizer.step(closure)
    return closure().item()


def each_class(xtr, ytr, xte, c):
    """Samples show their class and the next one; of class 2 every ninth sample is left out, which counts in the mean."""
    shows = ((ytr == c) | ((ytr + 1) % CLASSES == c)).numpy()
    weights = np.where((c == 2) & (np.arange(len(xtr)) % 9 == 0), 0.0, 1.0)
    model = LogisticRegression(C=1 / (2 * DECAY * len(xtr)), tol=1e-10, max_iter=100000)
    return model.fit(xtr, shows, sample_weight=weights).decision_function(xte).astype(np.float32)


def main():
    folder = os.path.join(os.path.dirname(os.path.abspath(__file__)), "golden")
    generator = torch.Generator().manual_seed(1)
    (xtr, ytr), (xte, yte) = draw(210, generator), draw(105, generator)
    for name, x, y in [("train", xtr, ytr), ("test", xte, yte)]:
        np.save(f"{folder}/{name}.npy", torch.cat([x, y[:, None].float()], 1).numpy())
    nearest, winner = knn(xtr.double(), ytr, xte.double())
    np.save(f"{folder}/knn.npy", torch.cat([nearest, winner[:, None]], 1).float().numpy())

    raw_train, raw_test = xtr, xte = xtr.double(), xte.double()
    mean, deviation = xtr.mean(0), xtr.std(0) + 1e-6
    xtr, xte = (xtr - mean) / deviation, (xte - mean) / deviation
    model = LogisticRegression(C=1 / (2 * DECAY * len(xtr)), tol=1e-10, max_iter=100000).fit(xtr, ytr)
    logits = torch.tensor(model.decision_function(xte))
    train_logits = torch.tensor(model.decision_function(xtr))
    loss = (nn.functional.cross_entropy(train_logits, ytr) + DECAY * np.square(model.coef_).sum()).item()
    assert abs(torch_loss(xtr, ytr) / loss - 1) < 1e-4, "PyTorch finds another minimum"
    np.save(f"{folder}/label_sets.npy", np.stack([each_class(xtr, ytr, xte, c) for c in range(CLASSES)], 1))
    top = logits.sort(1, descending=True)
    lead = top.values[:, 0] - top.values[:, 1]
    np.save(f"{folder}/linear.npy", torch.stack([top.indices[:, 0].double(), lead], 1).float().numpy())
    right = top.indices == yte[:, None]
    cosines = nn.functional.normalize(raw_test) @ nn.functional.normalize(raw_train).T
    mean = np.mean([average_precision_score(ytr == label, row) for row, label in zip(cosines, yte)])
    figures = [100 * (winner == yte).double().mean(), 100 * right[:, 0].double().mean(),
               100 * right[:, :5].any(1).double().mean(), loss, 100 * mean]
    np.save(f"{folder}/figures.npy", np.array(figures, dtype=np.float64))
    print([float(f) for f in figures], "smallest lead", float(lead.min()))


main()
