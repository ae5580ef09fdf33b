"""Pictures to features."""

from __future__ import annotations

import ctypes
import os
import threading
from typing import Iterable, Sequence, Union

import numpy as np

from selfsup import _library
from selfsup._library import EncoderInfo, EncoderOptions, ErrorMessage, Picture, lib, path_bytes

PathLike = Union[str, os.PathLike]


def as_picture(item: object) -> np.ndarray:
    """(H, W, 3) uint8, contiguous, of an array or of what NumPy makes one of (a PIL picture). Grey (H, W) is copied to
    three channels. Everything else is a TypeError: pixels of 0 to 1 must be scaled by whoever knows that they are."""
    picture = np.asarray(item)
    if picture.ndim == 2:
        picture = np.repeat(picture[:, :, None], 3, axis=2)
    if picture.dtype != np.uint8 or picture.ndim != 3 or picture.shape[2] != 3:
        raise TypeError(f"a picture must be (height, width, 3) uint8, not {picture.shape} {picture.dtype}")
    if 0 in picture.shape:
        raise ValueError(f"a picture of {picture.shape[1]} x {picture.shape[0]} pixels has nothing in it")
    return np.ascontiguousarray(picture)


class Encoder:
    """A frozen backbone that turns pictures into features.

    model: a run folder, a .safetensors file (ours or torchvision's), or "random:ARCH".
    size: pixels a side that pictures are brought to; 0: the size the model was trained at.
    batch: pictures computed at a time, at most; 0: 256, less where a call brings fewer.
    threads: 0: the processors this process may use.
    layer: the layer whose features are wanted, one of `layers`; None: the backbone's output, averaged over all places. A
        layer's map is averaged down to at most 9,216 numbers (what `selfsup probe` measures), or with whole_map left as
        it is.

    An encoder may be called by several threads: they take turns.
    """

    def __init__(
        self,
        model: PathLike,
        *,
        size: int = 0,
        batch: int = 0,
        threads: int = 0,
        layer: str | None = None,
        whole_map: bool = False,
    ) -> None:
        self._handle = ctypes.c_void_p()
        self._turn = threading.Lock()
        options = EncoderOptions(size, batch, threads, layer.encode() if layer is not None else None, int(whole_map))
        error = ErrorMessage()
        status = lib.ss_encoder_open(path_bytes(model), ctypes.byref(options), ctypes.byref(self._handle), error)
        _library.check(status, error)
        info = EncoderInfo()
        lib.ss_encoder_describe(self._handle, ctypes.byref(info))
        self.arch: str = info.arch.decode()
        """The architecture, "resnet18"."""
        self.width: int = info.width
        """Channels of its first stage."""
        self.size: int = info.size
        """Pixels a side that pictures are brought to."""
        self.input: str = info.input.decode()
        """What it is shown: "rgb", "lightness", "lab", "sobel"."""
        self.mean: tuple[float, ...] = tuple(info.mean)
        """Of "rgb": a value v of 0 to 1 of channel c is shown as (v - mean[c]) / deviation[c]."""
        self.deviation: tuple[float, ...] = tuple(info.deviation)
        self.layers: list[str] = [lib.ss_encoder_layer(self._handle, i).decode() for i in range(info.layers)]
        """The names of its layers, in order of depth."""
        self.dim: int = lib.ss_encoder_dim(self._handle)
        """Numbers of a picture's features."""
        self.shape: tuple[int, ...] = (info.rows, info.columns, info.channels) if whole_map and layer else (self.dim,)
        """The shape of a picture's features."""

    def __call__(self, images: np.ndarray | Iterable) -> np.ndarray:
        """The features of pictures, (N, *shape) float32.

        images: (N, H, W, 3) uint8, or a sequence of (H, W, 3) uint8 pictures of any sizes, or a sequence of paths of JPEG,
            PNG, WebP, BMP, PGM or PPM files: these are decoded as `selfsup embed` does, and give its features to the bit.

        Each picture's shorter side is resized to the encoder's size, its centre cut out and normalised, then it goes
        through the backbone. Raises Error, naming the first file that is not there or not a picture.
        """
        if isinstance(images, (str, bytes, os.PathLike)):
            raise TypeError("pictures must be a sequence: [path], not path")
        if isinstance(images, np.ndarray) and images.ndim == 3:
            raise TypeError("pictures must be a sequence: [picture] or picture[None], not picture")
        items: Sequence = images if isinstance(images, np.ndarray) else list(images)
        if len(items) > 0 and isinstance(items[0], (str, os.PathLike)):
            return self._files(items)
        return self._pictures([as_picture(item) for item in items])

    def _files(self, paths: Sequence[PathLike]) -> np.ndarray:
        given = (ctypes.c_char_p * len(paths))(*[path_bytes(path) for path in paths])
        return self._run(lib.ss_encoder_run_files, given, len(paths))

    def _pictures(self, pictures: Sequence[np.ndarray]) -> np.ndarray:
        given = (Picture * len(pictures))(
            *[Picture(picture.shape[1], picture.shape[0], picture.ctypes.data) for picture in pictures]
        )
        return self._run(lib.ss_encoder_run, given, len(pictures))

    def _run(self, function, given, count: int) -> np.ndarray:
        features = np.empty((count, *self.shape), dtype=np.float32)
        error = ErrorMessage()
        with self._turn:
            if not self._handle:
                raise ValueError("the encoder is closed")
            status = function(self._handle, given, count, features.ctypes.data, error)
        _library.check(status, error)
        return features

    def close(self) -> None:
        """Frees the network; the encoder can no longer be called."""
        with self._turn:
            handle, self._handle = self._handle, ctypes.c_void_p()
            lib.ss_encoder_free(handle)

    def __enter__(self) -> Encoder:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def __del__(self) -> None:
        if getattr(self, "_handle", None) and lib is not None:  # at the interpreter's end
            lib.ss_encoder_free(self._handle)

    def __repr__(self) -> str:
        return f"<selfsup.Encoder {self.arch}, width {self.width}, {self.size} px, {self.dim} numbers>"


def export(model: PathLike, path: PathLike) -> None:
    """Writes the backbone of `model` to `path`: FILE.safetensors with torchvision's names, which torchvision's network
    loads with strict=True once its fc is an identity; or FILE.onnx, "images" (N, 3, size, size) to "features" (N, D)."""
    error = ErrorMessage()
    _library.check(lib.ss_export(path_bytes(model), path_bytes(path), error), error)
