"""θ = θ₀ + P z by PyTorch, with the entries of P that `src/adapt/subspace` never forms: dense blocks s H G H B."""

from pathlib import Path

import numpy as np
import torch
from torch.nn.utils import parametrize

from common import write_json, write_tensors

DIMENSION, SEED = 20, 6


class Random:
    """`src/core/random.ts`: hashes of a counter."""

    def __init__(self, seed: int):
        self.seed, self.index = int(hash32(0x5BD1E995, np.array([seed]))[0]), 0

    def split(self, purpose: int) -> "Random":
        return Random(int(hash32(self.seed, np.array([purpose ^ 0xA5A5A5A5]))[0]))

    def bits(self, count: int) -> np.ndarray:
        self.index += count
        return hash32(self.seed, np.arange(self.index - count, self.index))

    def normal(self, count: int) -> np.ndarray:
        words = self.bits(4 * count).reshape(count, 2, 2).astype(np.float64)
        u = (words[..., 0] // 32 * 67108864 + words[..., 1] // 64) / 2**53
        return np.sqrt(-2 * np.log(1 - u[:, 0])) * np.cos(2 * np.pi * u[:, 1])


def hash32(seed: int, index: np.ndarray) -> np.ndarray:
    low = np.uint64(0xFFFFFFFF)
    times = lambda x, factor: x * np.uint64(factor) & low
    x = times(index.astype(np.uint64), 0x9E3779B9) ^ np.uint64(seed)
    x = times(x ^ (x >> np.uint64(16)), 0x7FEB352D)
    x = times(x ^ (x >> np.uint64(15)), 0x846CA68B)
    return x ^ (x >> np.uint64(16))


def rows_of_p(layer: int, size: int, all_rows: int) -> np.ndarray:
    """The rows of P of one layer, (size, d)."""
    exponent = int(np.ceil(np.log2(DIMENSION)))
    n, p = 2**exponent, 2 ** (exponent // 2)
    q, blocks = n // p, -(-size // n)
    hadamard = np.ones((1, 1))
    for _ in range(exponent):
        hadamard = np.block([[hadamard, hadamard], [hadamard, -hadamard]])
    random = Random(SEED).split(layer)
    signs = np.where(random.bits(blocks * n) >> np.uint64(31), -1.0, 1.0).reshape(blocks, n)
    normals = random.normal(blocks * n).astype(np.float32).astype(np.float64)
    matrix, t = np.zeros((blocks * n, n)), np.arange(n)
    for block in range(blocks):
        place = (t % q * blocks + block) * p + t // q
        matrix[place] = hadamard @ np.diag(normals[place]) @ hadamard @ np.diag(signs[block])
    return matrix[:size, :DIMENSION] / np.sqrt(n * all_rows)


class Moved(torch.nn.Module):
    """W + P z, which Conv1D holds turned."""

    def __init__(self, rows: np.ndarray, z: torch.nn.Parameter, is_turned: bool):
        super().__init__()
        self.register_buffer("rows", torch.tensor(rows, dtype=torch.float32))
        self.z, self.is_turned = [z], is_turned  # in a list, so that z has one name

    def forward(self, weight: torch.Tensor) -> torch.Tensor:
        shape = weight.T.shape if self.is_turned else weight.shape
        change = (self.rows @ self.z[0]).reshape(shape)
        return weight + (change.T if self.is_turned else change)


def subspace_model(model: torch.nn.Module, targets: list[str]) -> torch.nn.Module:
    """A model with frozen weights, of which those of the targets move with z."""
    model.requires_grad_(False)
    model.z = torch.nn.Parameter(torch.randn(DIMENSION))
    layers = [(name, layer) for name, layer in model.named_modules() if any(is_end(name, end) for end in targets)]
    all_rows = sum(layer.weight.numel() for _, layer in layers)
    for number, (_, layer) in enumerate(layers):
        rows = rows_of_p(number, layer.weight.numel(), all_rows)
        moved = Moved(rows, model.z, type(layer).__name__ == "Conv1D")
        parametrize.register_parametrization(layer, "weight", moved)
    model.moved = [name for name, _ in layers]
    return model


def is_end(name: str, end: str) -> bool:
    return name == end or name.endswith("." + end)


def save_subspace(model: torch.nn.Module, folder: Path) -> None:
    config = dict(method="subspace", dimension=DIMENSION, seed=SEED, target_modules=model.moved, modules_to_save=[])
    write_json(folder / "adapter_config.json", config)
    write_tensors(folder / "adapter_model.safetensors", {"subspace.z": model.z})
