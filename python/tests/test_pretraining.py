"""Learning from sequences, and how a run is stopped."""

import json
import os
import signal
import unittest

import numpy as np

import selfsup
from support import SMALL_RUN, Case, pictures


class PretrainTest(Case):
    def weights(self, run: str) -> bytes:
        return (self.folder / run / "backbone.safetensors").read_bytes()

    def test_arrays(self) -> None:
        seen, notes = [], []
        result = selfsup.pretrain(
            "rotation",
            pictures(24),
            out=self.folder / "run",
            labels=[i % 2 for i in range(24)],
            progress=seen.append,
            note=notes.append,
            steps=3,
            knn_every=1,
            **SMALL_RUN,
        )
        self.assertEqual((result.steps, result.stopped, result.finished_before), (3, False, False))
        self.assertEqual([at.step for at in seen], [1, 2, 3])
        self.assertTrue(np.isfinite(result.loss) and result.images_seen == 24)
        self.assertTrue(any("k-NN" in note for note in notes), notes)
        config = json.loads((self.folder / "run/config.json").read_text())
        self.assertEqual((config["data"], config["options"]["width"]), ("the caller's pictures", 4))
        self.assertEqual(selfsup.Encoder(self.folder / "run", threads=1)(pictures(2)).shape, (2, 32))

    def test_pairs_paths_and_threads_give_the_same(self) -> None:
        images = list(pictures(16))
        selfsup.pretrain("rotation", images, out=self.folder / "a", steps=2, knn_every=0, **SMALL_RUN)
        pairs = [(image, i % 2) for i, image in enumerate(images)]
        selfsup.pretrain("rotation", pairs, out=self.folder / "b", steps=2, knn_every=0, **SMALL_RUN)
        paths = []
        for i, image in enumerate(images):
            paths.append(self.folder / f"{i:02d}.ppm")
            paths[-1].write_bytes(b"P6 %d %d 255\n" % (image.shape[1], image.shape[0]) + image.tobytes())
        options = {**SMALL_RUN, "threads": 1}
        selfsup.pretrain("rotation", paths, out=self.folder / "c", steps=2, knn_every=0, thread_safe=True, **options)
        self.assertEqual(self.weights("a"), self.weights("b"))
        self.assertEqual(self.weights("a"), self.weights("c"))

    def test_a_folder(self) -> None:
        self.jpegs("data")
        result = selfsup.pretrain("rotation", self.folder / "data", out=self.folder / "run", steps=1, **SMALL_RUN)
        self.assertEqual(result.steps, 1)

    def test_stopped_and_resumed(self) -> None:
        options = {"steps": 4, "knn_every": 0, **SMALL_RUN}
        selfsup.pretrain("rotation", pictures(24), out=self.folder / "whole", **options)
        result = selfsup.pretrain(
            "rotation", pictures(24), out=self.folder / "run", progress=lambda at: at.step == 2, **options
        )
        self.assertTrue(result.stopped and 2 <= result.steps < 4)
        result = selfsup.pretrain("rotation", pictures(24), out=self.folder / "run", resume=True, **options)
        self.assertEqual((result.steps, result.stopped), (4, False))
        self.assertEqual(self.weights("whole"), self.weights("run"))
        again = selfsup.pretrain("rotation", pictures(24), out=self.folder / "run", resume=True, **options)
        self.assertTrue(again.finished_before)

    def test_ctrl_c_saves(self) -> None:
        options = {"steps": 50, "knn_every": 0, **SMALL_RUN}
        handler = signal.getsignal(signal.SIGINT)
        with self.assertRaisesRegex(KeyboardInterrupt, "resume"):
            selfsup.pretrain(
                "rotation",
                pictures(24),
                out=self.folder / "run",
                progress=lambda at: os.kill(os.getpid(), signal.SIGINT) if at.step == 2 else None,
                **options,
            )
        self.assertIs(signal.getsignal(signal.SIGINT), handler)
        self.assertTrue((self.folder / "run/checkpoint.safetensors").exists())

    def test_exceptions_come_through(self) -> None:
        class Torn:
            def __len__(self) -> int:
                return 24

            def __getitem__(self, index: int) -> np.ndarray:
                if index == 7:
                    raise LookupError("the seventh is torn")
                return pictures(24)[index]

        with self.assertRaisesRegex(LookupError, "torn"):
            selfsup.pretrain("rotation", Torn(), out=self.folder / "a", steps=4, **SMALL_RUN)
        with self.assertRaisesRegex(TypeError, "uint8"):
            selfsup.pretrain("rotation", pictures(24) / 255.0, out=self.folder / "b", steps=4, **SMALL_RUN)
        with self.assertRaisesRegex(ZeroDivisionError, "division"):
            selfsup.pretrain(
                "rotation", pictures(24), out=self.folder / "c", progress=lambda at: 1 / 0, steps=4, **SMALL_RUN
            )

    def test_mistakes(self) -> None:
        with self.assertRaisesRegex(selfsup.UsageError, "simclr"):
            selfsup.pretrain("simlcr", pictures(4), out=self.folder / "run")
        with self.assertRaisesRegex(selfsup.UsageError, "epochs"):
            selfsup.pretrain("simclr", pictures(4), out=self.folder / "run", epohcs=3)
        with self.assertRaisesRegex(selfsup.Error, "nowhere"):
            selfsup.pretrain("simclr", "nowhere", out=self.folder / "run")
        with self.assertRaisesRegex(selfsup.Error, "label"):
            selfsup.pretrain("rotation", pictures(4), out=self.folder / "run", labels=[-5, 0, 0, 0])
        with self.assertRaises(selfsup.UsageError):
            selfsup.pretrain("rotation", [], out=self.folder / "run")


if __name__ == "__main__":
    unittest.main()
