"""Writes golden/: small networks of torchvision with weights, outputs and gradients, and weights files as others save them.

For each network NAME: NAME.safetensors, its state_dict in bfloat16, and NAME_values.safetensors: "input" (N, H, W, 3),
"weight" of the loss L = sum(weight x output), outputs in evaluation and training, running statistics "after." one
training run, and of every parameter's gradient (in training) its norm and at most 64 elements at even distances.
Everything is computed in float64, for an input that meets no kink: with a ReLU or a max at a tie, rounding alone would change
gradients by per cents.
"""

import copy
import os

import torch
import torchvision
from safetensors.torch import save_file
from torch import nn


def scale_width(module, factor):
    """Makes every convolution and norm anew with its channels times factor, the picture's three excepted."""
    for name, child in module.named_children():
        if isinstance(child, nn.Conv2d):
            inputs = child.in_channels if child.in_channels == 3 else int(child.in_channels * factor)
            new = nn.Conv2d(inputs, int(child.out_channels * factor), child.kernel_size, child.stride, child.padding,
                            bias=child.bias is not None)
            setattr(module, name, new)
        elif isinstance(child, nn.BatchNorm2d):
            setattr(module, name, nn.BatchNorm2d(int(child.num_features * factor)))
        else:
            scale_width(child, factor)


class ChannelNorm(nn.LayerNorm):
    """Layer norm over the channels of each place."""

    def forward(self, x):
        return super().forward(x.movedim(1, -1)).movedim(-1, 1)


def replace_norms(module):
    """Layer norms with the batch norms' weights in their places."""
    for name, child in module.named_children():
        if isinstance(child, nn.BatchNorm2d):
            new = ChannelNorm(child.num_features).to(child.weight)
            new.weight.data, new.bias.data = child.weight.data, child.bias.data
            setattr(module, name, new)
        else:
            replace_norms(child)


class Average(nn.Module):
    """Convolutions and the mean over all places, under torchvision's names."""

    def __init__(self, features, used):
        super().__init__()
        self.features = features
        self.used = used

    def forward(self, x):
        return self.features[: self.used](x).mean((2, 3))


def alexnet_bn():
    layers, channels = [], 3
    for out, kernel, stride, padding, pool in [(64, 11, 4, 2, True), (192, 5, 1, 2, True), (384, 3, 1, 1, False),
                                               (256, 3, 1, 1, False), (256, 3, 1, 1, False)]:
        layers += [nn.Conv2d(channels, out, kernel, stride, padding, bias=False), nn.BatchNorm2d(out), nn.ReLU()]
        layers += [nn.MaxPool2d(3, 2)] if pool else []
        channels = out
    return nn.Sequential(*layers)


def make_network(arch, width, small_stem=False, offset=0.0):
    """`offset` deviations move the norms' outputs away from the ReLU's kink, three channels of four up, one down."""
    torch.manual_seed(1)
    if arch == "alexnet_bn":
        network = Average(alexnet_bn(), None)
    else:
        network = getattr(torchvision.models, arch)()
        if hasattr(network, "features"):
            network = Average(network.features, 12 if arch == "alexnet" else None)  # alexnet: without its last pool
        else:
            network.fc = nn.Identity()
    if width != 64:
        scale_width(network, width / 64)
    if small_stem:
        network.conv1 = nn.Conv2d(3, network.conv1.out_channels, 3, 1, 1, bias=False)
        network.maxpool = nn.Identity()
    for layer in network.modules():
        if isinstance(layer, nn.BatchNorm2d):
            nn.init.uniform_(layer.weight, 0.5, 1.5)
            nn.init.uniform_(layer.bias, -0.2, 0.2)
            if offset:
                sides = torch.where(torch.rand(layer.bias.shape) < 0.75, offset, -offset)
                layer.bias.data += sides * layer.weight.data
            nn.init.uniform_(layer.running_mean, -0.2, 0.2)
            nn.init.uniform_(layer.running_var, 0.5, 1.5)
    for layer in network.modules():
        if isinstance(layer, torchvision.models.resnet.Bottleneck):
            nn.init.uniform_(layer.bn3.weight, 0.1, 0.5)  # sixteen blocks would else amplify every rounding
    for value in [*network.parameters(), *network.buffers()]:
        if value.is_floating_point():
            value.data = value.data.bfloat16().double()
    return network


def some(gradient):
    flat = gradient.reshape(-1)
    return flat[:: max(1, -(-flat.numel() // 64))].float().contiguous()


def run(network, x, weight, dtype):
    network = copy.deepcopy(network).to(dtype)
    network.train()
    output = network(x.to(dtype))
    (output * weight.to(dtype)).sum().backward()
    return network, output.detach()


def draw_batch(network, size):
    """Input and weight for which float32 comes within 3e-5 of float64, or the best of forty."""
    best = None
    for seed in range(40):
        torch.manual_seed(seed)
        x = torch.randn(4, 3, size, size).bfloat16().float()
        weight = torch.randn(4, network(x[:1].double()).shape[1])
        exact, near = (run(network, x, weight, dtype)[0] for dtype in (torch.float64, torch.float32))
        worst = max(((p.grad - q.grad).norm() / p.grad.norm()).item()
                    for p, q in zip(exact.parameters(), near.parameters()) if p.ndim > 1)
        if best is None or worst < best[0]:
            best = worst, x, weight
        if worst < 3e-5:
            break
    print(f"float32 is off by {best[0]:.1e}, seed {seed}")
    return best[1:]


def write_case(folder, name, arch, width, size, small_stem=False, offset=0.0, layer_norm=False):
    network = make_network(arch, width, small_stem, offset)
    metadata = None
    if layer_norm:
        replace_norms(network)
        metadata = {"selfsup.arch": arch, "selfsup.stem": "small" if small_stem else "large", "selfsup.width": str(width),
                    "selfsup.size": str(size), "selfsup.norm": "layer"}
    weights = {key: value.bfloat16() if value.is_floating_point() else value
               for key, value in network.state_dict().items()}
    save_file(weights, f"{folder}/{name}.safetensors", metadata)
    network.eval()
    x, weight = draw_batch(network, size)
    values = {"input": x.permute(0, 2, 3, 1).bfloat16().contiguous(), "weight": weight,
              "output.evaluation": network(x.double()).detach().float()}
    network, output = run(network, x, weight, torch.float64)
    values["output.training"] = output.float()
    for key, parameter in network.named_parameters():
        values[f"gradient.{key}"] = some(parameter.grad)
        values[f"norm.{key}"] = parameter.grad.norm().float().reshape(1)
    for key, buffer in network.named_buffers():
        values[f"after.{key}"] = buffer.float() if buffer.is_floating_point() else buffer
    save_file(values, f"{folder}/{name}_values.safetensors")


def write_foreign(folder):
    """As torchvision's and others' checkpoints come: with classifiers, prefixes, other types."""
    network = make_network("resnet18", 4)
    network.fc = nn.Linear(32, 3)
    save_file({key: value.half() if value.is_floating_point() else value for key, value in network.state_dict().items()},
              f"{folder}/resnet18_classifier.safetensors")
    network = make_network("resnet18", 4, True)
    save_file({f"module.backbone.{key}": value.bfloat16() for key, value in network.state_dict().items()
               if value.is_floating_point()} | {"module.projector.0.weight": torch.zeros(2, 2)},
              f"{folder}/resnet18_small_module.safetensors")
    network = make_network("alexnet", 4)
    save_file({f"encoder.{key}": value for key, value in network.state_dict().items()}
              | {"encoder.classifier.1.weight": torch.zeros(2, 2)}, f"{folder}/alexnet_encoder.safetensors")


if __name__ == "__main__":
    golden = os.path.join(os.path.dirname(os.path.abspath(__file__)), "golden")
    write_case(golden, "resnet18", "resnet18", 4, 64)
    write_case(golden, "resnet18_small", "resnet18", 4, 32, True)
    write_case(golden, "resnet18_layer", "resnet18", 4, 32, True, layer_norm=True)
    write_case(golden, "resnet34", "resnet34", 4, 64)
    write_case(golden, "resnet50", "resnet50", 4, 64)
    write_case(golden, "alexnet", "alexnet", 4, 67)
    write_case(golden, "alexnet_bn", "alexnet_bn", 4, 67)
    write_case(golden, "vgg11_bn", "vgg11_bn", 4, 32)
    write_case(golden, "vgg11", "vgg11", 4, 32)
    write_foreign(golden)
