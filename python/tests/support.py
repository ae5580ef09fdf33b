"""What the tests share: a temporary folder with a kernels' cache of its own, pictures, the program."""

import os
import pathlib
import shutil
import subprocess
import tempfile
import unittest

import numpy as np

SOURCE = pathlib.Path(__file__).resolve().parents[2]
SMALL = "random:resnet18?width=8&size=16"
SMALL_RUN = {"width": 4, "size": 16, "batch": 8, "precision": "f32", "threads": 1, "log_every": 1, "seed": 5}


class Case(unittest.TestCase):
    """A test with a folder."""

    def setUp(self) -> None:
        self.folder = pathlib.Path(tempfile.mkdtemp())
        self.addCleanup(shutil.rmtree, self.folder)
        before = os.environ.get("XDG_CACHE_HOME")
        os.environ["XDG_CACHE_HOME"] = str(self.folder / "cache")
        self.addCleanup(os.environ.__setitem__, "XDG_CACHE_HOME", before or "")

    def program(self, *arguments: object) -> str:
        """Runs `selfsup ARGUMENT...` in the folder; what it prints."""
        command = [os.environ["SELFSUP_PROGRAM"], *map(str, arguments)]
        done = subprocess.run(command, cwd=self.folder, capture_output=True, text=True, check=False)
        self.assertEqual(done.returncode, 0, done.stderr)
        return done.stdout

    def jpegs(self, name: str) -> list[pathlib.Path]:
        """A folder of JPEGs: turned by EXIF, grey and CMYK ones, and some so large that they are decoded at a reduced scale."""
        to = self.folder / name
        to.mkdir()
        for path in (SOURCE / "tests/data/golden/images").glob("*.jpg"):
            if not path.name.startswith("bad"):
                shutil.copy(path, to)
        self.program("world", "images", "world", "-n", 12, "--size", 150, "--format", "jpeg")
        for path in (self.folder / "world").rglob("*.jpg"):
            shutil.copy(path, to / f"world-{path.parent.name}-{path.name}")
        return sorted(to.glob("*.jpg"))


def pictures(count: int, height: int = 24, width: int = 20) -> np.ndarray:
    """(count, height, width, 3) uint8: stripes along or across, in noise."""
    noise = np.random.default_rng(1).integers(0, 60, (count, height, width, 3))
    y, x = np.mgrid[:height, :width]
    along = np.arange(count)[:, None, None] % 2 == 0
    stripes = np.where(along, y // 4 % 2, x // 4 % 2) * 150
    return (noise + stripes[..., None]).astype(np.uint8)
