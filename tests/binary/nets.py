"""Small networks with every shape of layer that packing fuses."""

import torch
from torch import nn
from torch.nn import functional as F

from signwise.binary import BiPerConv2d, BiPerLinear


def randomize(model, seed=0):
    """Batch norms and scales with values of both signs, and some exact zeros."""
    generator = torch.Generator().manual_seed(seed)

    def draw(tensor, low, high):
        with torch.no_grad():
            tensor.copy_(low + (high - low) * torch.rand(tensor.shape, generator=generator))

    for module in model.modules():
        if isinstance(module, nn.BatchNorm1d | nn.BatchNorm2d):
            draw(module.running_mean, -3, 3)
            draw(module.running_var, 0.5, 2)
            if module.affine:
                draw(module.weight, -1, 1)
                draw(module.bias, -0.5, 0.5)
                with torch.no_grad():
                    module.weight[0] = 0.0
        if isinstance(module, BiPerConv2d | BiPerLinear) and module.alpha is not None:
            draw(module.alpha, -1, 1)
    return model.eval()


class Residual(nn.Module):
    """A residual net: shortcuts of both kinds, signs and floats read from one value."""

    def __init__(self, channels=32, classes=5):
        super().__init__()
        c = self.extra = channels
        self.stem, self.bn0 = nn.Conv2d(3, c, 3, padding=1, bias=False), nn.BatchNorm2d(c)
        self.conv1, self.bn1 = BiPerConv2d(c, c, 3, padding=1, bias=False), nn.BatchNorm2d(c)
        self.conv2, self.bn2 = BiPerConv2d(c, c, 3, padding=1, bias=False), nn.BatchNorm2d(c)
        self.conv3, self.bn3 = BiPerConv2d(c, 2 * c, 3, stride=2, padding=1), nn.BatchNorm2d(2 * c)
        self.down, self.bnd = nn.Conv2d(c, 2 * c, 1, stride=2, bias=False), nn.BatchNorm2d(2 * c)
        self.conv4, self.bn4 = (
            BiPerConv2d(2 * c, 4 * c, 3, stride=2, padding=1, alpha="mean_abs"),
            nn.BatchNorm2d(4 * c),
        )
        self.pool, self.head_bn, self.fc = nn.AdaptiveAvgPool2d(1), nn.BatchNorm1d(4 * c), nn.Linear(4 * c, classes)

    def forward(self, x):
        x = self.bn0(self.stem(x))
        x = F.hardtanh(self.bn2(self.conv2(F.hardtanh(self.bn1(self.conv1(x))))) + x)
        x = F.hardtanh(self.bn3(self.conv3(x)) + self.bnd(self.down(x)))
        short = F.pad(F.avg_pool2d(x, 2, ceil_mode=True), (0, 0, 0, 0, self.extra, self.extra))
        x = F.hardtanh(short + self.bn4(self.conv4(x)))
        return self.fc(self.head_bn(torch.flatten(self.pool(x), 1)))


def plain(channels=24):
    """Pools before and behind batch norms, PReLU, a 5x5, groups, a binary and a float linear layer."""
    c = channels
    return nn.Sequential(
        nn.Conv2d(3, c, 3, padding=1),
        nn.BatchNorm2d(c),
        nn.Hardtanh(),
        BiPerConv2d(c, c, 3, padding=1),
        nn.MaxPool2d(2),
        nn.BatchNorm2d(c),
        nn.Hardtanh(),
        BiPerConv2d(c, 2 * c, 5, padding=2, groups=2),
        nn.BatchNorm2d(2 * c),
        nn.MaxPool2d(3, 2, 1),
        nn.PReLU(2 * c),
        BiPerConv2d(2 * c, 2 * c, 1, bias=False),
        nn.BatchNorm2d(2 * c, affine=False),
        nn.Dropout(0.1),
        BiPerConv2d(2 * c, c, 3, padding="same", dilation=2),
        nn.MaxPool2d(2, ceil_mode=True),
        nn.BatchNorm2d(c),
        nn.Hardtanh(-2.0, 0.7),
        nn.Flatten(),
        BiPerLinear(c * 2 * 2, 40),
        nn.BatchNorm1d(40),
        nn.Identity(),
        BiPerLinear(40, 30, act_surrogate=None),
        nn.ReLU(),
        nn.Linear(30, 7),
    )


def dense():
    return nn.Sequential(
        nn.Linear(12, 70), nn.Hardtanh(), BiPerLinear(70, 50), nn.BatchNorm1d(50), BiPerLinear(50, 33, bias=False)
    )


def depthwise():
    return nn.Sequential(
        BiPerConv2d(6, 18, 3, stride=2, padding=2, groups=6),
        nn.BatchNorm2d(18),
        BiPerConv2d(18, 9, (1, 3), groups=3, dilation=(1, 2), act_surrogate=None),
    )


NETS = {
    "residual": (Residual, (3, 3, 17, 15)),
    "plain": (plain, (2, 3, 14, 13)),
    "dense": (dense, (9, 12)),
    "depthwise": (depthwise, (2, 6, 9, 9)),
}
