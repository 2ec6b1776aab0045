"""Does PEFT read our adapter as we do? Compares the output of `lowrank logits` with PEFT's own logits.

    python scripts/golden/check_peft.py --model MODEL --adapter ADAPTER [--adapter OTHER] --input IN.json --output OUT.safetensors

Prints the greatest absolute difference of each case; exit code 1 where one exceeds the tolerance, or where the adapter's
keys are not the ones that PEFT expects (PEFT itself would only warn).
"""

import argparse
import os
import sys
import warnings
from pathlib import Path

os.environ.setdefault("HF_HUB_OFFLINE", "1")

import torch
from peft import PeftModel, get_peft_model_state_dict
from safetensors import safe_open
from safetensors.torch import load_file
import transformers
from transformers import AutoConfig, logging

from common import logits_of, read_json


def main() -> int:
    options = read_options()
    warnings.simplefilter("ignore")
    logging.set_verbosity_error()
    logging.disable_progress_bar()
    cases = read_json(options.input)["cases"]
    try:
        expected = logits_of(load(options.model, options.adapter), cases)
        differences = compare(cases, expected, load_file(options.output))
    except ValueError as error:
        print(f"error: {error}", file=sys.stderr)
        return 1
    return report(differences, options.tolerance)


def read_options() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--model", type=Path, required=True, help="Hugging Face folder")
    parser.add_argument("--adapter", type=Path, action="append", required=True, help="PEFT folder; several add up")
    parser.add_argument("--input", type=Path, required=True, help="the JSON that `lowrank logits` was given")
    parser.add_argument("--output", type=Path, required=True, help="the .safetensors that it wrote")
    parser.add_argument("--tolerance", type=float, default=5e-5)
    return parser.parse_args()


def load(model: Path, adapters: list[Path]) -> torch.nn.Module:
    """Arithmetic in F32 whatever the files hold, attention written out."""
    (name,) = AutoConfig.from_pretrained(model).architectures
    base = getattr(transformers, name).from_pretrained(model, dtype=torch.float32, attn_implementation="eager")
    names = [f"a{index}" for index in range(len(adapters))]
    tuned = PeftModel.from_pretrained(base, adapters[0], names[0])
    for name, folder in zip(names[1:], adapters[1:]):
        tuned.load_adapter(folder, name)
    for name, folder in zip(names, adapters):
        require_same_keys(tuned, name, folder)
    if len(names) > 1:
        tuned.base_model.set_adapter(names)
    return tuned.eval()


def require_same_keys(model: PeftModel, name: str, folder: Path) -> None:
    with safe_open(folder / "adapter_model.safetensors", framework="pt") as file:
        held = set(file.keys())
    wanted = set(get_peft_model_state_dict(model, adapter_name=name))
    # PEFT also saves the base weight of a head that is named exactly lm_head, and loads an adapter without it.
    wanted -= {key for key in wanted - held if key.endswith(".base_layer.weight")}
    if held != wanted:
        missing, surplus = sorted(wanted - held), sorted(held - wanted)
        raise ValueError(f"{folder.name}: PEFT wants {missing[:3]} and does not know {surplus[:3]}")


def compare(cases: dict, expected: dict, found: dict) -> dict[str, float]:
    return {name: difference(name, case, expected, found) for name, case in cases.items()}


def difference(name: str, case: dict, expected: dict, found: dict) -> float:
    key = f"logits.{name}"
    if key not in found:
        raise ValueError(f"the output has no {key}; it has {sorted(found)}")
    ours, theirs = found[key], expected[key]
    if ours.dtype != torch.float32 or ours.shape != theirs.shape:
        raise ValueError(f"{key}: expected F32 {tuple(theirs.shape)}, found {ours.dtype} {tuple(ours.shape)}")
    if theirs.dim() == 2 or "attention_mask" not in case:
        return (ours - theirs).abs().max().item()
    return (ours - theirs)[torch.tensor(case["attention_mask"]).bool()].abs().max().item()


def report(differences: dict[str, float], tolerance: float) -> int:
    failed = [name for name, value in differences.items() if not value <= tolerance]
    for name, value in differences.items():
        print(f"{name}: max abs difference {value:.3e}{'  exceeds ' + str(tolerance) if name in failed else ''}")
    return 1 if failed else 0


if __name__ == "__main__":
    sys.exit(main())
