#!/usr/bin/env python3
"""Makes golden/*.safetensors and golden/*.npy with the reference packages (safetensors, numpy, ml_dtypes).

With the argument `check FILE` it instead reads a file written by test_safetensors (which leaves it there when
SS_KEEP names it) and says whether the reference package finds in it what the test put there.
"""
import pathlib
import sys

import ml_dtypes  # noqa: F401  (registers bfloat16 with numpy)
import numpy as np
from safetensors import safe_open
from safetensors.numpy import save_file

GOLDEN = pathlib.Path(__file__).parent / "golden"


def arrays():
    """The same numbers as fill() in test_safetensors.c."""
    ramp = np.arange(24, dtype=np.float32)
    return {
        "conv1.weight": (ramp * 0.5 - 3).reshape(2, 3, 2, 2),
        "fc.bias": ramp[:5].astype(ml_dtypes.bfloat16),
        "half": np.array([0, -0.0, 1, -2.5, 65504, 6e-8, 1e-5, np.inf], dtype=np.float16),
        "bn1.num_batches_tracked": np.array(1234567890123, dtype=np.int64),
        "labels": np.array([[1, 2, 3], [250, 251, 252]], dtype=np.uint8),
        "counts": np.array([0, 4294967295], dtype=np.uint32),
        "signed": np.array([-1, 2147483647, -2147483648], dtype=np.int32),
        "empty": np.zeros((0, 7), dtype=np.float32),
    }


METADATA = {"format": "pt", "arch": "resnet18", "quote": 'a "b" \\ \n é'}


def check(path):
    expected = arrays()
    with safe_open(path, framework="numpy") as file:
        assert file.metadata() == METADATA, file.metadata()
        assert sorted(file.keys()) == sorted(expected), file.keys()
        for name, array in expected.items():
            got = file.get_tensor(name)
            assert got.dtype == array.dtype and got.shape == array.shape, (name, got.dtype, got.shape)
            assert got.tobytes() == array.tobytes(), name
    print("the same")


def main():
    GOLDEN.mkdir(exist_ok=True)
    save_file(arrays(), GOLDEN / "reference.safetensors", metadata=METADATA)
    doubles = {"d": np.linspace(-1, 1, 5, dtype=np.float64), "flags": np.array([True, False])}
    save_file(doubles, GOLDEN / "doubles.safetensors")
    np.save(GOLDEN / "f32.npy", np.arange(12, dtype=np.float32).reshape(4, 3) / 8)
    np.save(GOLDEN / "f64.npy", np.arange(5, dtype=np.float64) / 8)
    np.save(GOLDEN / "i32.npy", np.arange(5, dtype=np.int32))
    np.save(GOLDEN / "fortran.npy", np.asfortranarray(np.arange(12, dtype=np.float32).reshape(4, 3)))


if __name__ == "__main__":
    if len(sys.argv) == 3 and sys.argv[1] == "check":
        check(sys.argv[2])
    else:
        main()
