"""Adapters that PEFT saved with more than A and B: DoRA, biases of B, biases of the base. Logits and gradients."""

from pathlib import Path

import torch
from peft import PeftModel

from adapters import CASES, new_adapter, save_adapter
from common import generator, load_tiny, logits_of, normal, run_case, write_tensors
from gradients import read_cases as read_labelled
from logits import read_cases

SEED = 20260
ALL = ["c_attn", "c_proj", "c_fc"]
CONFIGS = {
    "peft_dora": dict(r=3, lora_alpha=6, target_modules=ALL, use_dora=True),
    "peft_lora_bias": dict(r=3, lora_alpha=6, target_modules=ALL, lora_bias=True),
    "peft_bias_all": dict(r=2, lora_alpha=4, target_modules=["c_attn"], bias="all"),
    "peft_bias_only": dict(r=2, lora_alpha=4, target_modules=["c_attn", "attn.c_proj"], bias="lora_only"),
}
FILES = {
    "adapters/peft_dora/": "PEFT: use_dora on every linear layer, with magnitudes away from the norms",
    "adapters/peft_lora_bias/": "PEFT: lora_bias on every linear layer",
    "adapters/peft_bias_all/": "PEFT: bias `all`, r 2 on c_attn",
    "adapters/peft_bias_only/": "PEFT: bias `lora_only`, r 2 on c_attn and attn.c_proj",
    "adapters/logits/VARIANT.safetensors": "`logits.CASE` of these adapters, unmerged",
    "gradients/VARIANT.safetensors": "`grad.KEY` of every trained tensor under its key in the file, case `labelled`",
}


def make(root: Path) -> None:
    cases, labelled = read_cases(root), read_labelled(root)["labelled"]
    for index, (name, config) in enumerate(CONFIGS.items()):
        folder = root / "adapters" / name
        save_random(root, folder, config, SEED + index)
        model = PeftModel.from_pretrained(load_tiny(root), folder, is_trainable=True).eval()
        write_tensors(root / f"adapters/logits/{name}.safetensors", logits_of(model, cases, CASES))
        run_case(model, labelled).loss.backward()
        gradients = {f"grad.{key}": value.grad for key, value in trained(model)}
        write_tensors(root / f"gradients/{name}.safetensors", gradients)


def save_random(root: Path, folder: Path, config: dict, seed: int) -> None:
    model, source = new_adapter(root, config), generator(seed)
    with torch.no_grad():
        for name, parameter in model.named_parameters():
            if "magnitude" in name:
                parameter.mul_(1 + normal(source, *parameter.shape, std=0.3))
            elif parameter.requires_grad:
                parameter.copy_(normal(source, *parameter.shape, std=0.2))
    save_adapter(model, folder)


def trained(model: torch.nn.Module):
    """Names as in the file, without the adapter's name; DoRA's magnitude is a layer in memory, a tensor in the file."""
    for name, parameter in model.named_parameters():
        if parameter.requires_grad:
            key = name.replace(".default.", ".").replace("lora_magnitude_vector.weight", "lora_magnitude_vector")
            yield key, parameter
