"""What transformers and PEFT compute with a real model: `check_real.py MODEL CASE.json OUT`.

CASE has `input_ids`, `attention_mask` and `labels`; OUT gets `adapter/`, a PEFT folder with random factors, and
`found.safetensors` with the logits without and with it, the loss, and the gradients of its factors."""

import json
import sys
from pathlib import Path

import torch
import transformers
from peft import LoraConfig, get_peft_model
from transformers import AutoConfig

from common import write_tensors


def main(folder: str, case: str, out: str) -> None:
    torch.manual_seed(1)
    torch.set_num_threads(2)
    inputs = {key: torch.tensor(value) for key, value in json.loads(Path(case).read_text()).items()}
    model = load(folder).eval()
    with torch.no_grad():
        base = model(**inputs).logits
    adapted = get_peft_model(model, LoraConfig(r=8, lora_alpha=16, init_lora_weights=False)).eval()
    result = adapted(**inputs)
    result.loss.backward()
    gradients = {f"gradient.{name}": p.grad for name, p in adapted.named_parameters() if p.grad is not None}
    adapted.save_pretrained(Path(out) / "adapter")
    found = {"base": base, "adapted": result.logits, "loss": result.loss.reshape(1), **gradients}
    write_tensors(Path(out) / "found.safetensors", found)


def load(folder: str) -> torch.nn.Module:
    (name,) = AutoConfig.from_pretrained(folder).architectures
    return getattr(transformers, name).from_pretrained(folder, dtype=torch.float32)


if __name__ == "__main__":
    main(*sys.argv[1:])
