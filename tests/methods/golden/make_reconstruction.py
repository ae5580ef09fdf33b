"""Decoder, discriminator, adversarial losses and the channel-wise linear layer, from PyTorch in float64.

Run: python make_reconstruction.py
"""

import os
import sys

import torch
import torch.nn.functional as F

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "..", "engine", "golden"))
import support  # noqa: E402

g = torch.Generator().manual_seed(5)
here = os.path.dirname(os.path.abspath(__file__))


def normal(*shape, scale=1.0, offset=0.0):
    return (offset + scale * torch.randn(*shape, generator=g, dtype=torch.float64)).float().double()


def first(x):
    return x.permute(0, 3, 1, 2)


def last(x):
    return x.permute(0, 2, 3, 1)


class Case:
    """Inputs and parameters that are leaves, and the arrays of the golden."""

    def __init__(self):
        self.arrays, self.leaves = {}, {}

    def input(self, index, value):
        self.arrays[f"input{index}"] = self.leaves[f"input{index}"] = value.requires_grad_()
        return value

    def parameter(self, name, *shape, scale=0.3, offset=0.0):
        value = normal(*shape, scale=scale, offset=offset).requires_grad_()
        self.arrays["parameter." + name] = self.leaves[name] = value
        return value

    def norm(self, name, x):
        """Batch norm in training over all axes but 1."""
        channels = x.shape[1]
        weight = self.parameter(name + ".weight", channels, offset=1.0)
        return F.batch_norm(x, None, None, weight, self.parameter(name + ".bias", channels), True)

    def done(self, output):
        weights = normal(*output.shape)
        (weights * output).sum().backward()
        self.arrays["weight"] = weights
        self.arrays["output"] = output
        for name, leaf in self.leaves.items():
            self.arrays["gradient." + name] = leaf.grad
        return self.arrays


def decoder_of_a_map():
    """3x3 with 40 channels to 10x10: 3, 5, 10."""
    case = Case()
    x = first(case.input(0, normal(2, 3, 3, 40)))
    x = F.conv_transpose2d(x, case.parameter("decoder.up1.weight", 40, 20, 4, 4), None, 2, 1)[:, :, :5, :5]
    x = F.relu(case.norm("decoder.norm1", x))
    x = F.conv_transpose2d(x, case.parameter("decoder.last.weight", 20, 2, 4, 4), case.parameter("decoder.last.bias", 2),
                           2, 1)
    return case.done(last(x))


def decoder_of_a_vector():
    """(N, 7) to 12x12: 3, 6, 12, then a 1x1 convolution."""
    case = Case()
    x = case.input(0, normal(3, 7))
    x = (x @ case.parameter("decoder.project.weight", 9 * 20, 7).T).reshape(3, 3, 3, 20).permute(0, 3, 1, 2)
    x = F.relu(case.norm("decoder.norm0", x))
    for i in (1, 2):
        x = F.conv_transpose2d(x, case.parameter(f"decoder.up{i}.weight", x.shape[1], 16, 4, 4), None, 2, 1)
        x = F.relu(case.norm(f"decoder.norm{i}", x))
    x = F.conv2d(x, case.parameter("decoder.last.weight", 5, 16, 1, 1), case.parameter("decoder.last.bias", 5))
    return case.done(last(x))


def decoder_of_an_uneven_map():
    """2x3 to 8x8: resized to 4x4, then 8."""
    case = Case()
    x = first(case.input(0, normal(2, 2, 3, 4)))
    x = F.interpolate(x, size=(4, 4), mode="bilinear", align_corners=False)
    x = F.conv_transpose2d(x, case.parameter("decoder.last.weight", 4, 3, 4, 4), case.parameter("decoder.last.bias", 3),
                           2, 1)
    return case.done(last(x))


def discriminator():
    """17x17: 8, 4, a linear layer."""
    case = Case()
    x = first(case.input(0, normal(3, 17, 17, 3)))
    x = F.leaky_relu(F.conv2d(x, case.parameter("discriminator.conv1.weight", 4, 3, 4, 4), None, 2, 1), 0.2)
    x = F.conv2d(x, case.parameter("discriminator.conv2.weight", 8, 4, 4, 4), None, 2, 1)
    x = last(F.leaky_relu(case.norm("discriminator.norm2", x), 0.2)).reshape(3, -1)
    return case.done(x @ case.parameter("discriminator.logit.weight", 1, 128).T + case.parameter("discriminator.logit.bias", 1))


def adversarial(of):
    case = Case()
    real, made = case.input(0, normal(5, 1, scale=2.0)), case.input(1, normal(5, 1, scale=2.0))
    arrays = case.done(of(torch.sigmoid(real), torch.sigmoid(made)).reshape(1))
    for i in (0, 1):  # a loss of one of the two has no gradient of the other
        if arrays[f"gradient.input{i}"] is None:
            del arrays[f"gradient.input{i}"]
    return arrays


def channelwise():
    """A fully connected layer in each channel of a 3x2 map, then a 1x1 convolution (Pathak et al. 2016, section 3.1)."""
    case = Case()
    x = case.input(0, normal(4, 3, 2, 5))
    weight, bias = case.parameter("bottleneck.channelwise.weight", 5, 6, 6), case.parameter("bottleneck.channelwise.bias", 5, 6)
    y = torch.einsum("nic,coi->noc", x.reshape(4, 6, 5), weight) + bias.T
    y = F.relu(case.norm("bottleneck.norm1", y.reshape(4, 3, 2, 5).permute(0, 3, 1, 2)))
    y = F.conv2d(y, case.parameter("bottleneck.mix.weight", 5, 5, 1, 1))
    return case.done(last(F.relu(case.norm("bottleneck.norm2", y))))


def main():
    cases = {
        "decoder_map": decoder_of_a_map(),
        "decoder_vector": decoder_of_a_vector(),
        "decoder_uneven": decoder_of_an_uneven_map(),
        "discriminator": discriminator(),
        "discriminator_loss": adversarial(lambda real, made: -real.log().mean() - (1 - made).log().mean()),
        "non_saturating": adversarial(lambda real, made: -made.log().mean()),
        "minimax": adversarial(lambda real, made: (1 - made).log().mean()),
        "channelwise": channelwise(),
    }
    support.write_goldens(os.path.join(here, "reconstruction"), cases)


main()
