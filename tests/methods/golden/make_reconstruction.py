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
    """3x3 with 34 channels to 10x10: 3, 5, 10."""
    case = Case()
    x = first(case.input(0, normal(2, 3, 3, 34)))
    x = F.conv_transpose2d(x, case.parameter("decoder.up1.weight", 34, 17, 4, 4), None, 2, 1)[:, :, :5, :5]
    x = F.relu(case.norm("decoder.norm1", x))
    weight, bias = case.parameter("decoder.last.weight", 17, 2, 4, 4), case.parameter("decoder.last.bias", 2)
    return case.done(last(F.conv_transpose2d(x, weight, bias, 2, 1)))


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
    weight, bias = case.parameter("decoder.last.weight", 4, 3, 4, 4), case.parameter("decoder.last.bias", 3)
    return case.done(last(F.conv_transpose2d(x, weight, bias, 2, 1)))


def discriminator():
    """17x17: 8, 4, a linear layer."""
    case = Case()
    x = first(case.input(0, normal(3, 17, 17, 3)))
    x = F.leaky_relu(F.conv2d(x, case.parameter("discriminator.conv1.weight", 4, 3, 4, 4), None, 2, 1), 0.2)
    x = F.conv2d(x, case.parameter("discriminator.conv2.weight", 8, 4, 4, 4), None, 2, 1)
    x = last(F.leaky_relu(case.norm("discriminator.norm2", x), 0.2)).reshape(3, -1)
    weight = case.parameter("discriminator.logit.weight", 1, 128)
    return case.done(x @ weight.T + case.parameter("discriminator.logit.bias", 1))


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
    weight = case.parameter("bottleneck.channelwise.weight", 5, 6, 6)
    bias = case.parameter("bottleneck.channelwise.bias", 5, 1, 6)
    channels = [F.linear(x.reshape(4, 6, 5)[:, :, c], weight[c], bias[c, 0]) for c in range(5)]
    y = torch.stack(channels, 1).reshape(4, 5, 3, 2)
    y = F.conv2d(y, case.parameter("bottleneck.mix.weight", 5, 5, 1, 1))
    return case.done(last(F.relu(case.norm("bottleneck.norm", y))))


def joint():
    """Two players on (3, 2, 2, 4) maps of what is seen: a bottleneck and a decoder against a discriminator. Each
    player's loss and the gradients of its own parameters (Pathak et al. 2016, equations 1 to 3)."""
    case = Case()
    seen, real = normal(3, 2, 2, 4), normal(3, 8, 8, 3)
    weights = (normal(3, 8, 8, 1).abs() * 2).float().double()
    weight = case.parameter("bottleneck.channelwise.weight", 4, 4, 4)
    bias = case.parameter("bottleneck.channelwise.bias", 4, 1, 4)
    y = torch.stack([F.linear(seen.reshape(3, 4, 4)[:, :, c], weight[c], bias[c, 0]) for c in range(4)], 1)
    y = F.conv2d(y.reshape(3, 4, 2, 2), case.parameter("bottleneck.mix.weight", 4, 4, 1, 1))
    y = F.relu(case.norm("bottleneck.norm", y))
    y = F.conv_transpose2d(y, case.parameter("decoder.up1.weight", 4, 16, 4, 4), None, 2, 1)
    y = F.relu(case.norm("decoder.norm1", y))
    weight, bias = case.parameter("decoder.last.weight", 16, 3, 4, 4), case.parameter("decoder.last.bias", 3)
    made = last(F.conv_transpose2d(y, weight, bias, 2, 1))
    conv = case.parameter("discriminator.conv1.weight", 4, 3, 4, 4)
    logit, offset = case.parameter("discriminator.logit.weight", 1, 64), case.parameter("discriminator.logit.bias", 1)

    def judge(pictures):
        x = last(F.leaky_relu(F.conv2d(first(pictures), conv, None, 2, 1), 0.2))
        return torch.sigmoid(x.reshape(3, -1) @ logit.T + offset)

    reconstruction = (weights * (made - real) ** 2).mean()
    adversarial = -judge(made).log().mean()
    first_loss = 0.9 * reconstruction + 0.3 * adversarial
    second_loss = -judge(real).log().mean() - (1 - judge(made)).log().mean()
    arrays = {k: v for k, v in case.arrays.items()}
    arrays.update(seen=seen, real=real, weights=weights, losses=torch.stack([first_loss, second_loss]))
    for name, leaf in case.leaves.items():
        loss = second_loss if name.startswith("discriminator") else first_loss
        arrays["gradient." + name] = torch.autograd.grad(loss, leaf, retain_graph=True)[0]
    return arrays


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
        "joint": joint(),
    }
    support.write_goldens(os.path.join(here, "reconstruction"), cases)


main()
