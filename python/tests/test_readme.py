"""The README's snippet, run as it stands: the program's features, to the bit."""

import os
import re
import unittest

import numpy as np

import selfsup
from support import SMALL, SOURCE, Case


def snippet() -> str:
    """The README's first block of Python."""
    return re.search(r"```python\n(.*?)```", (SOURCE / "README.md").read_text(), re.DOTALL).group(1)


class ReadmeTest(Case):
    def test_gives_the_features_of_embed(self) -> None:
        paths = self.jpegs("pictures")
        self.assertGreater(len(paths), 8)
        # Small, so that the larger pictures are decoded at a reduced scale.
        for model in (SMALL, "random:alexnet?width=8&size=64", "random:resnet18?width=8&size=8"):
            with self.subTest(model=model):
                (self.folder / "runs/mine").mkdir(parents=True, exist_ok=True)
                selfsup.export(model, self.folder / "runs/mine/backbone.safetensors")
                self.program("embed", "runs/mine", "pictures", "-o", "features.npy")
                self.assertEqual((self.folder / "features.txt").read_text().split(), [path.name for path in paths])
                names: dict = {}
                before = os.getcwd()
                os.chdir(self.folder)
                try:
                    exec(compile(snippet(), "README.md", "exec"), names)  # pylint: disable=exec-used
                finally:
                    os.chdir(before)
                expected = np.load(self.folder / "features.npy")
                self.assertEqual(names["features"].dtype, expected.dtype)
                self.assertEqual(names["features"].tobytes(), expected.tobytes())
                self.assertTrue(expected.any())


if __name__ == "__main__":
    unittest.main()
