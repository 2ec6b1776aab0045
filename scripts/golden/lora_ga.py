"""Starts of LoRA-GA: gradients by PEFT's preprocess_loraga, A and B of them as the paper and its authors' code have them."""

from pathlib import Path

import torch
from peft import LoraConfig, LoraGAConfig
from peft.tuners.lora import preprocess_loraga
from transformers.pytorch_utils import Conv1D

from common import read_json, run_case, write_tensors
from method_steps import FIRST, TARGETS, load_base

RANK, ALPHA, GAMMA = 3, 6, 16
FILES = {
    "lora_ga/MODEL.safetensors": "of the first block's modules of method_steps, over the batches of methods/batches.json: "
    "`gradient.MODULE` (out, in), the mean over batches; `A.MODULE` = c V[:, :r]^T, `B.MODULE` = c U[:, r:2r] with "
    f"c = out^(1/4) / sqrt({GAMMA}), r = {RANK}, in float64; `values.MODULE`, the singular values",
}
NOTES = {"loraGaSigns": "a row of A and a column of B have no sign of their own"}


def make(root: Path) -> None:
    batches = read_json(root / "methods" / "batches.json")
    for base in FIRST:
        write_tensors(root / "lora_ga" / f"{base}.safetensors", starts(root, base, batches[base]))


def starts(root: Path, base: str, batches: list) -> dict[str, torch.Tensor]:
    model = load_base(root, base)
    config = LoraConfig(r=RANK, lora_alpha=ALPHA, target_modules=TARGETS[base],
                        init_lora_weights="lora_ga", lora_ga_config=LoraGAConfig())

    def train_step() -> None:
        for batch in batches:
            run_case(model, batch).loss.backward()

    preprocess_loraga(model, config, train_step)
    found = {}
    for name, module in model.named_modules():
        if ".0." not in name or not hasattr(module, "_peft_loraga_grad"):
            continue
        gradient = module._peft_loraga_grad
        gradient = gradient.T if isinstance(module, Conv1D) else gradient
        left, values, right = torch.linalg.svd(gradient.double(), full_matrices=False)
        c = gradient.shape[0] ** 0.25 / GAMMA**0.5
        parts = {"gradient": gradient, "A": c * right[:RANK], "B": c * left[:, RANK : 2 * RANK], "values": values}
        found |= {f"{part}.{name}": value.float().contiguous() for part, value in parts.items()}
    return found
