"""The contestants of LeNet: PyTorch and JAX as their users write a convolution."""

from typing import Any

import numpy as np
from jax_peers import Jax
from peers import Torch
from recipe import LeNet

from anynet import Dataset


class TorchLeNet(Torch):
    """PyTorch, eager: `nn.Conv2d` and `nn.MaxPool2d`, images channels first, as it has them."""

    recipe: LeNet

    def _network(self) -> Any:
        nn, torch = self.torch.nn, self.torch
        (k1, c1), (k2, c2), (w3, c3), (w4, c4) = self.recipe.start()
        w3 = w3.reshape(-1, 4, 4, 40).transpose(0, 3, 1, 2).reshape(w3.shape)  # whose inputs are channels first, too
        made = []
        for layer, weights, biases in (
            (nn.Conv2d(1, 20, 5), k1.transpose(0, 3, 1, 2), c1),
            (nn.Conv2d(20, 40, 5), k2.transpose(0, 3, 1, 2), c2),
            (nn.Linear(640, 100), w3, c3),
            (nn.Linear(100, 10), w4, c4),
        ):
            layer = layer.to(self.dtype)
            layer.weight.data, layer.bias.data = (torch.from_numpy(a.copy()) for a in (weights, biases))
            made.append(layer)
        first, second, third, last = made
        images = nn.Sequential(first, nn.ReLU(), nn.MaxPool2d(2), second, nn.ReLU(), nn.MaxPool2d(2))
        return nn.Sequential(nn.Unflatten(1, (1, 28, 28)), images, nn.Flatten(), third, nn.ReLU(), last)

    def place(self, x: np.ndarray) -> Any:
        """Return images as a tensor."""
        return self.torch.from_numpy(x)

    def forward(self, x: Any) -> Any:
        """Return the outputs, of 500 images at a time, where PyTorch is quicker than with all of them."""
        self.net.eval()
        with self.torch.no_grad():
            return self.torch.cat([self.net(part) for part in x.split(500)])


class JaxLeNet(Jax):
    """JAX: `lax.conv_general_dilated`, `lax.reduce_window`, `jax.grad`, and the whole pass one `lax.scan`."""

    def __init__(self, recipe: LeNet, train: Dataset) -> None:
        super().__init__(recipe, train, scan=True)

    def _outputs(self, parameters: Any, a: Any) -> Any:
        lax, relu = self.jax.lax, self.jax.nn.relu
        *kernels, (w3, b3), (w4, b4) = parameters
        a = a.reshape(-1, 28, 28, 1)
        for kernel, biases in kernels:
            z = lax.conv_general_dilated(a, kernel, (1, 1), "VALID", dimension_numbers=("NHWC", "OHWI", "NHWC"))
            a = lax.reduce_window(relu(z + biases), -np.inf, lax.max, (1, 2, 2, 1), (1, 2, 2, 1), "VALID")
        return relu(a.reshape(len(a), -1) @ w3.T + b3) @ w4.T + b4
