"""Adapters of a model of two linear layers, and what PEFT's add_weighted_adapter makes of them by every combination type."""

from pathlib import Path

import torch
from peft import LoraConfig, PeftModel, get_peft_model

from adapters import save_adapter
from common import generator, normal, write_json, write_tensors

SEED = 20263
MODULES = ["first", "second"]
CONFIGS = {
    "a": dict(r=4, lora_alpha=8),
    "b": dict(r=4, lora_alpha=2),
    "c": dict(r=3, lora_alpha=6),
    "rslora": dict(r=4, lora_alpha=8, use_rslora=True),
}
PRUNED = dict(density=0.5)
CASES = {
    "linear_mean": dict(adapters=["a", "b"], weights=[0.5, 0.5], method="linear"),
    "linear_difference": dict(adapters=["a", "b"], weights=[1.0, -1.0], method="linear"),
    "linear_between": dict(adapters=["a", "b"], weights=[0.7, 0.3], method="linear"),
    "svd_mean": dict(adapters=["a", "b"], weights=[0.5, 0.5], method="svd"),
    "svd_difference": dict(adapters=["a", "c"], weights=[1.0, -1.0], method="svd"),
    "svd_three": dict(adapters=["a", "b", "c"], weights=[0.7, 0.3, 1.5], method="svd", rank=2),
    "cat_ranks": dict(adapters=["a", "c"], weights=[0.7, -0.3], method="cat"),
    "ties": dict(adapters=["a", "b"], weights=[0.7, 0.3], method="ties", **PRUNED),
    "ties_frequency": dict(adapters=["a", "b"], weights=[1.0, -1.0], method="ties", sign="frequency", **PRUNED),
    "ties_svd": dict(adapters=["a", "b", "c"], weights=[1.0, 1.0, 0.5], method="ties_svd", **PRUNED),
    "magnitude_prune": dict(adapters=["a", "b"], weights=[0.7, 0.3], method="magnitude_prune", **PRUNED),
    "magnitude_prune_svd": dict(adapters=["a", "c"], weights=[1.0, 1.0], method="magnitude_prune_svd", **PRUNED),
    "dare_linear": dict(adapters=["a", "b"], weights=[0.7, 0.3], method="dare_linear", **PRUNED),
    "dare_ties": dict(adapters=["a", "b"], weights=[0.7, 0.3], method="dare_ties", **PRUNED),
    "dare_linear_svd": dict(adapters=["a", "c"], weights=[0.7, 0.3], method="dare_linear_svd", **PRUNED),
    "dare_ties_svd": dict(adapters=["a", "b", "c"], weights=[1.0, 1.0, 1.0], method="dare_ties_svd", **PRUNED),
    "rslora_alone": dict(adapters=["rslora"], weights=[1.0], method="svd"),
}
FILES = {
    "combinations/NAME/": "PEFT: adapters of `first` (12 x 10) and `second` (8 x 12), plain but for the one with "
    "use_rslora: a and b of r 4, alpha 8 and 2; c of r 3, alpha 6; rslora of r 4, alpha 8",
    "combinations/cases.json": "what add_weighted_adapter was asked for: adapters, weights, method (combination_type) "
    "and where given rank, density, sign",
    "combinations/deltas.safetensors": "`CASE.MODULE`: the result's scaling * B A, (out, in). DARE's mask keeps value "
    "k of a case (counted over modules, A before B, adapter by adapter) where ((37 k + 11) mod 101) / 101 < density. "
    "Of rslora_alone PEFT's result is sqrt(r) times the adapter",
}


class Net(torch.nn.Module):
    def __init__(self) -> None:
        super().__init__()
        self.first, self.second = torch.nn.Linear(10, 12), torch.nn.Linear(12, 8)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        return self.second(self.first(x))


def make(root: Path) -> None:
    folder = root / "combinations"
    for index, (name, config) in enumerate(CONFIGS.items()):
        save_random(folder / name, config, SEED + index)
    tensors = {}
    for name, case in CASES.items():
        tensors |= {f"{name}.{module}": delta for module, delta in combine(folder, case).items()}
    write_tensors(folder / "deltas.safetensors", tensors)
    write_json(folder / "cases.json", CASES)


def save_random(folder: Path, config: dict, seed: int) -> None:
    model, source = get_peft_model(Net(), LoraConfig(target_modules=MODULES, **config)), generator(seed)
    with torch.no_grad():
        for name, parameter in model.named_parameters():
            if "lora_" in name:
                parameter.copy_(normal(source, *parameter.shape, std=0.3))
    save_adapter(model, folder)


def combine(folder: Path, case: dict) -> dict[str, torch.Tensor]:
    first, *others = case["adapters"]
    model = PeftModel.from_pretrained(Net(), folder / first, first)
    for name in others:
        model.load_adapter(folder / name, name)
    with KnownMasks():
        model.base_model.add_weighted_adapter(
            case["adapters"], case["weights"], "combined", combination_type=case["method"],
            svd_rank=case.get("rank"), density=case.get("density"),
            majority_sign_method=case.get("sign", "total"),
        )
    layers = {name: getattr(model.base_model.model, name) for name in MODULES}
    return {name: layer.get_delta_weight("combined").detach().contiguous() for name, layer in layers.items()}


class KnownMasks:
    """In the place of torch.bernoulli, masks that do not depend on PyTorch's generator."""

    def __enter__(self) -> None:
        self.drawn, self.original = 0, torch.bernoulli
        torch.bernoulli = self.mask

    def __exit__(self, *_) -> None:
        torch.bernoulli = self.original

    def mask(self, input: torch.Tensor) -> torch.Tensor:
        numbers = torch.arange(self.drawn, self.drawn + input.numel(), dtype=torch.float64)
        self.drawn += input.numel()
        return ((37 * numbers + 11) % 101 / 101 < input.flatten()).to(input.dtype).reshape(input.shape)
