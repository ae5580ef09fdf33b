"""Self-supervised visual learning: features from pictures that nobody labelled, by the C library libselfsup.

>>> import selfsup
>>> encoder = selfsup.Encoder("runs/mine")
>>> features = encoder(["a.jpg", "b.png"])  # (2, D) float32
"""

from selfsup._library import Error, UsageError, version
from selfsup.encoder import Encoder, export
from selfsup.methods import Method, Option, methods, training_options
from selfsup.pretraining import Progress, Result, pretrain

__version__ = "0.1.0"

__all__ = [
    "Encoder",
    "Error",
    "Method",
    "Option",
    "Progress",
    "Result",
    "UsageError",
    "export",
    "methods",
    "pretrain",
    "training_options",
    "version",
]
