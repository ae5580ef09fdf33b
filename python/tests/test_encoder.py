"""Pictures to features."""

import threading
import unittest

import numpy as np

import selfsup
from support import SMALL, SOURCE, Case, pictures


class EncoderTest(Case):
    def test_what_it_is(self) -> None:
        encoder = selfsup.Encoder(SMALL, threads=1)
        self.assertEqual((encoder.arch, encoder.width, encoder.size, encoder.input), ("resnet18", 8, 16, "rgb"))
        self.assertEqual(encoder.layers, ["conv1", "layer1", "layer2", "layer3", "layer4"])
        np.testing.assert_allclose(encoder.mean, [0.485, 0.456, 0.406], atol=1e-6)
        np.testing.assert_allclose(encoder.deviation, [0.229, 0.224, 0.225], atol=1e-6)
        self.assertEqual(encoder.dim, 64)

    def test_arrays(self) -> None:
        images = pictures(5)
        encoder = selfsup.Encoder(SMALL, threads=1)
        features = encoder(images)
        self.assertEqual((features.shape, features.dtype), ((5, 64), np.float32))
        self.assertTrue(np.isfinite(features).all() and features.any())
        self.assertFalse(np.array_equal(features[0], features[1]))
        np.testing.assert_array_equal(encoder(list(images)), features)
        np.testing.assert_array_equal(encoder(images[:, :, ::-1][:, :, ::-1]), features)  # not contiguous
        self.assertEqual(encoder(images[:0]).shape, (0, 64))

    def test_layers(self) -> None:
        images = pictures(2)
        pooled = selfsup.Encoder(SMALL, threads=1, layer="layer4")(images)
        maps = selfsup.Encoder(SMALL, threads=1, layer="layer4", whole_map=True)(images)
        self.assertEqual(maps.shape, (2, 2, 2, 64))
        np.testing.assert_allclose(pooled, maps.reshape(2, -1), rtol=1e-6)
        output = selfsup.Encoder(SMALL, threads=1)(images)
        np.testing.assert_allclose(maps.mean(axis=(1, 2)), output, rtol=1e-4, atol=1e-6)

    def test_mistakes(self) -> None:
        encoder = selfsup.Encoder(SMALL, threads=1)
        with self.assertRaisesRegex(selfsup.Error, "nowhere"):
            selfsup.Encoder("nowhere")
        with self.assertRaisesRegex(selfsup.UsageError, "resnet18"):
            selfsup.Encoder("random:resnet19")
        with self.assertRaisesRegex(ValueError, "layer"):
            selfsup.Encoder(SMALL, layer="layer9")
        with self.assertRaisesRegex(selfsup.Error, "missing.jpg"):
            encoder([self.folder / "missing.jpg"])
        with self.assertRaisesRegex(TypeError, "uint8"):
            encoder(pictures(1) / 255.0)
        with self.assertRaisesRegex(TypeError, "sequence"):
            encoder(pictures(1)[0])
        with self.assertRaisesRegex(TypeError, "sequence"):
            encoder("a.jpg")
        with selfsup.Encoder(SMALL, threads=1) as closed:
            pass
        with self.assertRaisesRegex(ValueError, "closed"):
            closed(pictures(1))

    def test_threads_take_turns(self) -> None:
        encoder = selfsup.Encoder(SMALL, threads=1)
        images = pictures(8)
        expected, found = encoder(images), [None] * 4

        def run(index: int) -> None:
            found[index] = encoder(images)

        threads = [threading.Thread(target=run, args=(i,)) for i in range(4)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        for features in found:
            np.testing.assert_array_equal(features, expected)

    def test_export(self) -> None:
        path = self.folder / "backbone.safetensors"
        selfsup.export(SMALL, path)
        images = pictures(3)
        np.testing.assert_array_equal(selfsup.Encoder(path)(images), selfsup.Encoder(SMALL)(images))
        with self.assertRaises(selfsup.UsageError):
            selfsup.export(SMALL, self.folder / "backbone.pth")


class MethodsTest(Case):
    def test_lists(self) -> None:
        methods = {method.name: method for method in selfsup.methods()}
        self.assertIn("temperature", [option.name for option in methods["simclr"].options])
        self.assertTrue(methods["rotation"].venue.startswith("ICLR"))
        training = {option.name: option for option in selfsup.training_options()}
        self.assertEqual(training["width"].default, "64")
        self.assertIn("adamw", training["optimizer"].choices)
        self.assertEqual(selfsup.version(), selfsup.__version__)
        self.assertIn(f'version = "{selfsup.__version__}"', (SOURCE / "python/pyproject.toml").read_text())
        self.assertEqual(len(self.program("methods").splitlines()), len(methods))


if __name__ == "__main__":
    unittest.main()
