"""Loss and gradients of the whole model and of an adapter, in the format of `lowrank gradients`."""

from pathlib import Path

import torch
from peft import PeftModel

from common import IGNORED, generator, load_tiny, read_json, run_case, tokens, write_json, write_tensors
from logits import padded

SEED = 20250
ADAPTER = "peft_all_linear"
FILES = {
    "gradients/input.json": "cases with labels: `labelled` (-100 here and there, so rows count unequally) and `padded` "
    "(right padding with a mask; labels at padding are -100)",
    "gradients/full.CASE.safetensors": "`grad.KEY` of every tensor of gpt2_tiny; wte sums both uses (embedding and head)",
    "gradients/peft_all_linear.CASE.safetensors": "`grad.KEY` of every LoRA tensor under its key in the adapter's file",
    "gradients/losses.json": "loss of each by case, and the norm over all its gradients",
}
NOTES = {
    "loss": "position t predicts label t + 1; labels of -100 are left out; mean over the labels that count, over the "
    "whole batch",
    "keyBias": "the true gradient of the key slice of c_attn.bias (entries 48:96) is 0; what stands there is rounding "
    "noise",
}


def make(root: Path) -> None:
    cases = make_cases()
    write_json(root / "gradients/input.json", {"cases": cases})
    losses = {"full": {}, ADAPTER: {}}
    for name, case in cases.items():
        losses["full"][name] = one(root, f"full.{name}", load_tiny(root), case)
        losses[ADAPTER][name] = one(root, f"{ADAPTER}.{name}", load_adapter(root), case)
    write_json(root / "gradients/losses.json", losses)


def load_adapter(root: Path) -> PeftModel:
    folder = root / "adapters" / ADAPTER
    return PeftModel.from_pretrained(load_tiny(root), folder, is_trainable=True).eval()


def one(root: Path, name: str, model: torch.nn.Module, case: dict) -> dict:
    loss = run_case(model, case).loss
    loss.backward()
    gradients = {f"grad.{key}": value.grad for key, value in trainable(model)}
    write_tensors(root / f"gradients/{name}.safetensors", gradients)
    norm = torch.linalg.vector_norm(torch.cat([value.flatten() for value in gradients.values()]))
    return {"loss": loss.item(), "gradientNorm": norm.item()}


def trainable(model: torch.nn.Module):
    """Names as in the file: PEFT leaves the adapter's name out when it saves."""
    for name, parameter in model.named_parameters():
        if parameter.requires_grad:
            yield name.replace(".default.weight", ".weight"), parameter


def make_cases() -> dict:
    source = generator(SEED)
    rows = tokens(source, 3, 12)
    return {
        "labelled": {"input_ids": rows, "labels": hide(rows, [range(0, 5), range(8, 12), [0, 6]])},
        "padded": with_padding(tokens(source, 3, 10), [10, 6, 3]),
    }


def hide(rows: list[list[int]], hidden: list) -> list[list[int]]:
    return [[IGNORED if t in skip else id for t, id in enumerate(row)] for row, skip in zip(rows, hidden)]


def with_padding(rows: list[list[int]], lengths: list[int]) -> dict:
    case = padded(rows, lengths, left=False)
    return {**case, "labels": hide(rows, [range(length, len(rows[0])) for length in lengths])}


def read_cases(root: Path) -> dict:
    return read_json(root / "gradients/input.json")["cases"]
