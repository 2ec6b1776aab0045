"""What transformers and PEFT compute with a real model: `check_real.py MODEL CASE.json OUT`.

CASE has `input_ids`, `attention_mask` and `labels`; OUT gets `adapter/`, a PEFT folder with random factors, and
`found.safetensors` with the logits without and with it, the loss, the gradients of its factors, and the factors
after a step of AdamW. With `prompt` in CASE there are also 32 `greedy` tokens, and `texts.json` has the ids of its
`texts` and the text of those tokens."""

import json
import sys
from pathlib import Path

import torch
import transformers
from peft import LoraConfig, get_peft_model
from transformers import AutoConfig, AutoTokenizer

from common import write_tensors


def main(folder: str, case: str, out: str) -> None:
    torch.manual_seed(1)
    torch.set_num_threads(2)
    given = json.loads(Path(case).read_text())
    inputs = {key: torch.tensor(given[key]) for key in ("input_ids", "attention_mask", "labels")}
    model = load(folder).eval()
    with torch.no_grad():
        base = model(**inputs).logits
    continued = generated(model, folder, given, Path(out)) if "prompt" in given else {}
    adapted = get_peft_model(model, LoraConfig(r=8, lora_alpha=16, init_lora_weights=False)).eval()
    adapted.save_pretrained(Path(out) / "adapter")
    logits = adapted(**inputs).logits
    loss = loss_of(logits, inputs["labels"])
    found = {"base": base, "adapted": logits, "loss": loss.float().reshape(1), **continued}
    write_tensors(Path(out) / "found.safetensors", {**found, **step(adapted, loss)})


def loss_of(logits: torch.Tensor, labels: torch.Tensor) -> torch.Tensor:
    """Of classes or, shifted, of next tokens; in float64. In F32 PyTorch's loss of SmolLM2 is 8e-6 away from that of
    its own logits, and its gradients by up to 2e-4 of the largest, ten times as far as they are by the model's sums."""
    if logits.ndim == 3:
        logits, labels = logits[:, :-1].flatten(0, 1), labels[:, 1:].flatten()
    return torch.nn.functional.cross_entropy(logits.double(), labels)


def step(adapted: torch.nn.Module, loss: torch.Tensor) -> dict[str, torch.Tensor]:
    """The gradients and, after AdamW, the values of what is trained. With its usual epsilon the first step is the
    sign of each gradient, which rounding decides where a gradient is close to 0."""
    loss.backward()
    trained = {name: p for name, p in adapted.named_parameters() if p.grad is not None}
    gradients = {f"gradient.{name}": p.grad for name, p in trained.items()}
    torch.optim.AdamW(trained.values(), lr=1e-2, eps=1e-1).step()
    return {**gradients, **{f"after.{name}": p for name, p in trained.items()}}


def generated(model: torch.nn.Module, folder: str, given: dict, out: Path) -> dict[str, torch.Tensor]:
    prompt = torch.tensor([given["prompt"]])
    mask = torch.ones_like(prompt)
    made = model.generate(prompt, attention_mask=mask, do_sample=False, max_new_tokens=32, min_new_tokens=32)
    greedy = made[0, prompt.shape[1] :]
    tokenizer = AutoTokenizer.from_pretrained(folder)
    ids = [tokenizer(text, add_special_tokens=False)["input_ids"] for text in given["texts"]]
    (out / "texts.json").write_text(json.dumps({"ids": ids, "decoded": tokenizer.decode(greedy)}))
    return {"greedy": greedy.int()}


def load(folder: str) -> torch.nn.Module:
    (name,) = AutoConfig.from_pretrained(folder).architectures
    return getattr(transformers, name).from_pretrained(folder, dtype=torch.float32)


if __name__ == "__main__":
    main(*sys.argv[1:])
