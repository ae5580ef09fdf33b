"""Learning a backbone without labels, from any sequence of pictures."""

from __future__ import annotations

import contextlib
import ctypes
import dataclasses
import os
import signal
import threading
from typing import Any, Callable, Iterator, Sequence

from selfsup import _library
from selfsup._library import ErrorMessage, PictureSource, PretrainOptions, TrainResult, lib, path_bytes
from selfsup.encoder import PathLike, as_picture


@dataclasses.dataclass(frozen=True)
class Progress:
    """What a run tells while it goes on: updates done and in all, epochs done, the mean loss since the last report, the
    learning rate, pictures a second, seconds left, the share of the time spent waiting for data, and the spread of the
    embeddings (1: over all directions, 0: collapsed, NaN: the method has none)."""

    step: int
    steps: int
    epoch: float
    loss: float
    rate: float
    images_per_s: float
    seconds_left: float
    data_wait_fraction: float
    spread: float


@dataclasses.dataclass(frozen=True)
class Result:
    """The figures of a run. score and chance are of the method's own task on held-out pictures and by guessing (NaN where
    there is none); images_per_s is that of the steady state, step_ms the median; stopped: `progress` asked for it."""

    steps: int
    epochs: float
    images_seen: int
    images_per_s: float
    step_ms: float
    data_wait_fraction: float
    loss: float
    score: float
    chance: float
    seconds: float
    peak_rss_mb: float
    finished_before: bool
    stopped: bool
    run: str


def _fields(structure: ctypes.Structure) -> dict[str, Any]:
    return {name: getattr(structure, name) for name, _ in structure._fields_}


class _Run:
    """The callbacks of one run. The first exception in the caller's code ends it and is raised by pretrain."""

    def __init__(self, progress: Callable[[Progress], object] | None, note: Callable[[str], object] | None) -> None:
        self.exception: BaseException | None = None
        self.interrupted = False
        self._report = progress
        self._note = note
        self.progress = _library.PROGRESS(self._progress)
        self.should_stop = _library.SHOULD_STOP(self._should_stop)
        self.note = _library.NOTE(self._tell) if note else _library.NOTE()

    def keep(self, exception: BaseException) -> None:
        self.exception = self.exception or exception

    def _progress(self, _: int, at: Any) -> int:
        try:
            return int(bool(self._report and self._report(Progress(**_fields(at.contents)))))
        except BaseException as exception:  # raised again by pretrain
            self.keep(exception)
            return 1

    def _should_stop(self, _: int) -> int:
        return int(self.interrupted or self.exception is not None)

    def _tell(self, _: int, line: bytes) -> None:
        try:
            assert self._note
            self._note(line.decode("utf-8", "replace"))
        except BaseException as exception:  # raised again by pretrain
            self.keep(exception)


class _Pictures:
    """A sequence as ss_picture_source."""

    def __init__(self, run: _Run, dataset: Sequence, labels: Sequence[int] | None, name: str, thread_safe: bool) -> None:
        self._run = run
        self._dataset = dataset
        self._labels = labels
        paired = labels is None and len(dataset) > 0 and self._is_pair(dataset[0])
        self._read_function = _library.READ(self._read)
        self._label_function = _library.LABEL(self._label) if paired or labels is not None else _library.LABEL()
        self.source = PictureSource(
            count=len(dataset),
            read=self._read_function,
            label=self._label_function,
            name=name.encode(),
            one_at_a_time=int(not thread_safe),
        )

    @staticmethod
    def _is_pair(item: object) -> bool:
        return isinstance(item, (tuple, list)) and len(item) == 2

    def _read(self, _: int, index: int, canvas: int, error: Any) -> int:
        try:
            item = self._dataset[index]
            picture = item[0] if self._is_pair(item) else item
            if isinstance(picture, (str, os.PathLike)):
                return lib.ss_canvas_read_file(canvas, path_bytes(picture), error)
            pixels = as_picture(picture)
            to = lib.ss_canvas_resize(canvas, pixels.shape[1], pixels.shape[0])
            if not to:
                raise MemoryError(f"no place for a picture of {pixels.shape[1]} x {pixels.shape[0]} pixels")
            ctypes.memmove(to, pixels.ctypes.data, pixels.nbytes)
            return _library.OK
        except BaseException as exception:  # raised again by pretrain; NO_MEMORY ends the run at once
            self._run.keep(exception)
            error.contents.set(f"{type(exception).__name__} in the data set")
            return _library.NO_MEMORY

    def _label(self, _: int, index: int) -> int:
        try:
            return int(self._labels[index] if self._labels is not None else self._dataset[index][1])
        except BaseException as exception:  # raised again by pretrain
            self._run.keep(exception)
            return -2  # no label: ends the run


@contextlib.contextmanager
def _interruptible(run: _Run) -> Iterator[None]:
    """Ctrl-C stops the run after the update at hand; a second one does what it did before."""
    if threading.current_thread() is not threading.main_thread() or not callable(signal.getsignal(signal.SIGINT)):
        yield
        return
    before = signal.getsignal(signal.SIGINT)

    def interrupt(*_: object) -> None:
        run.interrupted = True
        signal.signal(signal.SIGINT, before)

    signal.signal(signal.SIGINT, interrupt)
    try:
        yield
    finally:
        signal.signal(signal.SIGINT, before)


def _setting(name: str, value: object) -> bytes:
    text = str(int(value)) if isinstance(value, bool) else os.fspath(value) if isinstance(value, os.PathLike) else str(value)
    return f"{name}={text}".encode()


def pretrain(
    method: str,
    dataset: PathLike | Sequence,
    *,
    out: PathLike,
    labels: Sequence[int] | None = None,
    resume: bool = False,
    progress: Callable[[Progress], object] | None = None,
    note: Callable[[str], object] | None = None,
    name: str = "the caller's pictures",
    thread_safe: bool = False,
    **options: object,
) -> Result:
    """Learns a backbone without labels, into the run folder `out`, which Encoder then takes. What `selfsup pretrain` does.

    method: a name of methods().
    dataset: a path, as `selfsup pretrain` takes it (a folder, CIFAR files, tar shards, "world:images?n=2000"); or anything with
        a length and an index, whose items are (H, W, 3) uint8 arrays, paths of picture files, or pairs of one of these
        and a label. It must give the same for the same index each time: the same seed then gives the same bits.
    labels: the pictures' classes from 0, -1: none, used by methods that need them and by k-NN checks alone. Where items are
        pairs and labels is None, each item is read once to begin with.
    resume: goes on from the run's last checkpoint, to the same bits; without one, starts.
    progress: called with a Progress every log_every updates; returns something true to stop.
    note: called with lines worth reading (a score, a picture that is skipped), from any thread.
    name: what messages and config.json call the pictures.
    thread_safe: the data set may be indexed by several threads at once.
    options: of the method and of training, "-" written "_": epochs=20, width=32, batch=128, seed=1, temperature=0.2.

    Ctrl-C saves and raises KeyboardInterrupt. An exception of the data set ends the run at once (the last checkpoint
    stays), one of progress or note after the update at hand and a checkpoint; both are raised again here.
    """
    run = _Run(progress, note)
    settings = [_setting(key, value) for key, value in options.items() if value is not None]
    request = PretrainOptions(
        method=method.encode(),
        settings=(ctypes.c_char_p * (len(settings) + 1))(*settings, None),
        out=path_bytes(out),
        resume=int(resume),
        progress=run.progress,
        should_stop=run.should_stop,
        note=run.note,
    )
    if isinstance(dataset, (str, os.PathLike)):
        request.data = path_bytes(dataset)
        pictures = None
    else:
        pictures = _Pictures(run, dataset, labels, name, thread_safe)
        request.pictures = ctypes.pointer(pictures.source)
    result = TrainResult()
    error = ErrorMessage()
    with _interruptible(run):
        status = lib.ss_pretrain(ctypes.byref(request), ctypes.byref(result), error)
    if run.exception is not None:
        raise run.exception
    if status == _library.INTERRUPTED and run.interrupted:
        raise KeyboardInterrupt(f"saved after update {result.steps}; resume=True goes on")
    if status != _library.INTERRUPTED:
        _library.check(status, error)
    values = _fields(result)
    values["finished_before"] = bool(values["finished_before"])
    return Result(**values, stopped=status == _library.INTERRUPTED, run=os.fspath(out))
