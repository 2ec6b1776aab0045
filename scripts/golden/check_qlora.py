"""The losses of QLoRA by PEFT on bitsandbytes' portable path: `check_qlora.py MODEL CASE.json OUT`.

CASE has `batches`, each with `input_ids` and `labels` (shifted by one; -100 is no target), and `rate`. OUT gets `adapter/`, the
PEFT folder that training starts from, `base.safetensors`, the layers in 4 bits as bitsandbytes saves them, and `losses.json`: the
loss before each step of AdamW and, after the last, once more that of the first batch. The linears of the blocks are NF4 in blocks
of 64 with double quantization, and all have LoRA."""

import json
import os
import sys
from pathlib import Path

os.environ.setdefault("HF_HUB_OFFLINE", "1")

from quantized import portable

bnb = portable()  # before PEFT, which would load the native library

import torch
import transformers
from peft import LoraConfig, get_peft_model
from safetensors.torch import save_file
from transformers.pytorch_utils import Conv1D


def main(folder: str, case: str, out: str) -> None:
    torch.manual_seed(1)
    torch.set_num_threads(2)
    given = json.loads(Path(case).read_text())
    model = quantized(load(folder))
    layers = {name: module for name, module in model.named_modules() if isinstance(module, bnb.nn.Linear4bit)}
    states = {f"{name}.{key}": part for name, layer in layers.items() for key, part in layer.state_dict().items()}
    save_file({name: part for name, part in states.items() if not name.endswith("bias")}, Path(out) / "base.safetensors")
    adapted = get_peft_model(model, LoraConfig(r=8, lora_alpha=16, target_modules="all-linear")).train()
    adapted.save_pretrained(Path(out) / "adapter")
    losses = train(adapted, given["batches"], given["rate"])
    (Path(out) / "losses.json").write_text(json.dumps(losses))


def train(model: torch.nn.Module, batches: list, rate: float) -> list[float]:
    optimizer = torch.optim.AdamW([p for p in model.parameters() if p.requires_grad], lr=rate, weight_decay=0)
    losses = []
    for batch in [*batches, batches[0]]:
        logits = model(torch.tensor(batch["input_ids"]), use_cache=False).logits
        labels = torch.tensor(batch["labels"]).flatten()
        loss = torch.nn.functional.cross_entropy(logits.double().flatten(0, 1), labels)  # in F32 it is off by 1e-5
        losses.append(loss.item())
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
    return losses


def load(folder: str) -> torch.nn.Module:
    (name,) = transformers.AutoConfig.from_pretrained(folder).architectures
    return getattr(transformers, name).from_pretrained(folder, dtype=torch.float32)


def quantized(model: torch.nn.Module) -> torch.nn.Module:
    """As transformers quantizes, which would use all of bitsandbytes; its `Conv1D` has the weight transposed."""
    for name, module in list(model.named_modules()):
        if isinstance(module, (torch.nn.Linear, Conv1D)) and name != "lm_head":
            parent, _, child = name.rpartition(".")
            setattr(model.get_submodule(parent), child, four_bit(module))
    model.requires_grad_(False)
    model.is_loaded_in_4bit = True
    return model


def four_bit(module: torch.nn.Module) -> torch.nn.Module:
    weight = module.weight.T.contiguous() if isinstance(module, Conv1D) else module.weight
    outputs, inputs = weight.shape
    linear = bnb.nn.Linear4bit(inputs, outputs, bias=module.bias is not None, quant_type="nf4", compute_dtype=torch.float32)
    linear.load_state_dict({"weight": weight, **({} if module.bias is None else {"bias": module.bias})})
    return linear.to("cpu")


if __name__ == "__main__":
    main(*sys.argv[1:])
