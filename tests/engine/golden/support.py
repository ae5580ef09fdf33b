"""Goldens: named float32 arrays in one flat file, read by tests/engine/support.c.

Little-endian: the 8 bytes "SSGOLD1\\n", a uint32 count of arrays, and for each a uint32 length of its key, the key, an
int64 count of elements and the elements as float32. Labels are stored as float32 too.
"""

import os
import struct

import numpy as np


def write_golden(name, arrays):
    path = os.path.join(os.path.dirname(os.path.abspath(__file__)), name + ".bin")
    with open(path, "wb") as file:
        file.write(b"SSGOLD1\n")
        file.write(struct.pack("<I", len(arrays)))
        for key, value in arrays.items():
            if hasattr(value, "detach"):
                value = value.detach().cpu().numpy()
            flat = np.ascontiguousarray(value, dtype="<f4").reshape(-1)
            encoded = key.encode()
            file.write(struct.pack("<I", len(encoded)))
            file.write(encoded)
            file.write(struct.pack("<q", flat.size))
            file.write(flat.tobytes())


def write_goldens(name, cases):
    """Several cases, each a dict as for write_golden, in one file: case C of file F is the C code's golden "F:C"."""
    write_golden(name, {f"{case}/{key}": value for case, arrays in cases.items() for key, value in arrays.items()})
