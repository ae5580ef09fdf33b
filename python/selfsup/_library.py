"""include/selfsup/selfsup.h in ctypes: where the library is, its structs and functions, its errors."""

from __future__ import annotations

import ctypes
import ctypes.util
import os
import pathlib
from ctypes import CFUNCTYPE, POINTER, Structure, c_char, c_char_p, c_double, c_float, c_int, c_int64, c_size_t, c_void_p

OK, FAILED, USAGE, NO_MEMORY, INTERRUPTED = range(5)

# The structs below are those of this version's header.
HEADER_VERSION = "0.1."


class Error(RuntimeError):
    """The world is wrong: a missing file, damaged data, too many pictures that cannot be read."""


class UsageError(Error, ValueError):
    """The caller's words are wrong: an unknown option, a value out of range."""


class ErrorMessage(Structure):  # ss_error
    _fields_ = [("message", c_char * 512)]

    def text(self) -> str:
        return self.message.decode("utf-8", "replace")

    def set(self, text: str) -> None:
        self.message = text.encode("utf-8", "replace")[:511]


class EncoderOptions(Structure):  # ss_encoder_options
    _fields_ = [
        ("size", c_int),
        ("batch", c_int),
        ("threads", c_int),
        ("layer", c_char_p),
        ("whole_map", c_int),
    ]


class EncoderInfo(Structure):  # ss_encoder_info
    _fields_ = [
        ("arch", c_char_p),
        ("width", c_int),
        ("size", c_int),
        ("input", c_char_p),
        ("mean", c_float * 3),
        ("deviation", c_float * 3),
        ("layers", c_size_t),
        ("rows", c_int),
        ("columns", c_int),
        ("channels", c_size_t),
    ]


class Picture(Structure):  # ss_picture
    _fields_ = [("width", c_int), ("height", c_int), ("pixels", c_void_p)]


class MethodInfo(Structure):  # ss_method_info
    _fields_ = [
        ("name", c_char_p),
        ("summary", c_char_p),
        ("title", c_char_p),
        ("authors", c_char_p),
        ("venue", c_char_p),
        ("defaults", c_char_p),
        ("options", c_size_t),
    ]


class OptionInfo(Structure):  # ss_option_info
    _fields_ = [("name", c_char_p), ("standard", c_char_p), ("help", c_char_p), ("choices", c_char_p)]


class ProgressInfo(Structure):  # ss_progress
    _fields_ = [("step", c_int64), ("steps", c_int64)] + [
        (name, c_double)
        for name in ("epoch", "loss", "rate", "images_per_s", "seconds_left", "data_wait_fraction", "spread")
    ]


class TrainResult(Structure):  # ss_train_result
    _fields_ = [
        ("steps", c_int64),
        ("epochs", c_double),
        ("images_seen", c_int64),
        ("images_per_s", c_double),
        ("step_ms", c_double),
        ("data_wait_fraction", c_double),
        ("loss", c_double),
        ("score", c_double),
        ("chance", c_double),
        ("seconds", c_double),
        ("peak_rss_mb", c_double),
        ("finished_before", c_int),
    ]


READ = CFUNCTYPE(c_int, c_void_p, c_size_t, c_void_p, POINTER(ErrorMessage))
LABEL = CFUNCTYPE(c_int, c_void_p, c_size_t)
PROGRESS = CFUNCTYPE(c_int, c_void_p, POINTER(ProgressInfo))
SHOULD_STOP = CFUNCTYPE(c_int, c_void_p)
NOTE = CFUNCTYPE(None, c_void_p, c_char_p)


class PictureSource(Structure):  # ss_picture_source
    _fields_ = [
        ("count", c_size_t),
        ("read", READ),
        ("label", LABEL),
        ("context", c_void_p),
        ("name", c_char_p),
        ("one_at_a_time", c_int),
    ]


class PretrainOptions(Structure):  # ss_pretrain_options
    _fields_ = [
        ("method", c_char_p),
        ("data", c_char_p),
        ("pictures", POINTER(PictureSource)),
        ("settings", POINTER(c_char_p)),
        ("out", c_char_p),
        ("resume", c_int),
        ("context", c_void_p),
        ("progress", PROGRESS),
        ("should_stop", SHOULD_STOP),
        ("note", NOTE),
    ]


# name: (result, arguments)
_FUNCTIONS = {
    "ss_version": (c_char_p, []),
    "ss_encoder_open": (c_int, [c_char_p, POINTER(EncoderOptions), POINTER(c_void_p), POINTER(ErrorMessage)]),
    "ss_encoder_free": (None, [c_void_p]),
    "ss_encoder_dim": (c_size_t, [c_void_p]),
    "ss_encoder_describe": (None, [c_void_p, POINTER(EncoderInfo)]),
    "ss_encoder_layer": (c_char_p, [c_void_p, c_size_t]),
    "ss_encoder_run": (c_int, [c_void_p, POINTER(Picture), c_size_t, c_void_p, POINTER(ErrorMessage)]),
    "ss_encoder_run_files": (c_int, [c_void_p, POINTER(c_char_p), c_size_t, c_void_p, POINTER(ErrorMessage)]),
    "ss_export": (c_int, [c_char_p, c_char_p, POINTER(ErrorMessage)]),
    "ss_method_describe": (c_int, [c_size_t, POINTER(MethodInfo)]),
    "ss_method_option": (c_int, [c_size_t, c_size_t, POINTER(OptionInfo)]),
    "ss_training_option": (c_int, [c_size_t, POINTER(OptionInfo)]),
    "ss_canvas_resize": (c_void_p, [c_void_p, c_int, c_int]),
    "ss_canvas_read_file": (c_int, [c_void_p, c_char_p, POINTER(ErrorMessage)]),
    "ss_pretrain": (c_int, [POINTER(PretrainOptions), POINTER(TrainResult), POINTER(ErrorMessage)]),
}


def _candidates() -> list[str]:
    """SELFSUP_LIBRARY alone where it is set; else beside the package, then what the system's loader knows."""
    named = os.environ.get("SELFSUP_LIBRARY")
    if named:
        return [named]
    beside = sorted(str(path) for path in pathlib.Path(__file__).parent.glob("libselfsup.so*"))
    found = ctypes.util.find_library("selfsup")
    return beside[:1] + ([found] if found else []) + ["libselfsup.so.0"]


def _load() -> ctypes.CDLL:
    reasons = []
    for name in _candidates():
        try:
            library = ctypes.CDLL(name)
        except OSError as reason:
            reasons.append(str(reason))
            continue
        for function, (result, arguments) in _FUNCTIONS.items():
            try:
                getattr(library, function).restype = result
                getattr(library, function).argtypes = arguments
            except AttributeError:
                raise ImportError(f"{name} has no {function}: it is not the library of this package") from None
        version_there = library.ss_version().decode()
        if not version_there.startswith(HEADER_VERSION):
            raise ImportError(f"{name} is version {version_there}; this package needs {HEADER_VERSION}x")
        return library
    raise ImportError(
        "no libselfsup: build it (make) and install it (make install), or name it in SELFSUP_LIBRARY; " + "; ".join(reasons)
    )


lib = _load()


def version() -> str:
    """The library's version, "0.1.0"."""
    return lib.ss_version().decode()


def check(status: int, error: ErrorMessage) -> None:
    """Raises what a status says."""
    if status == OK:
        return
    if status == USAGE:
        raise UsageError(error.text())
    if status == NO_MEMORY:
        raise MemoryError(error.text())
    raise Error(error.text())


def path_bytes(path: str | os.PathLike) -> bytes:
    """A path as the library takes it; `~` is the user's folder."""
    return os.fsencode(os.path.expanduser(path))


def text_of(value: bytes | None) -> str | None:
    return None if value is None else value.decode("utf-8", "replace")
