"""Is the folder that `lowrank merge` wrote the one that PEFT would have made? Prints a JSON object.

    python scripts/golden/check_merged.py --model MODEL --adapter ADAPTER --merged FOLDER

`config` is whether transformers reads the same configuration; `dtype` is how the merged folder stores values; `unchanged`
counts the values of tensors that no adapter changes, `moved` those among them that differ; `merged` counts the others, and
`steps` is the largest difference from PEFT's merge_and_unload in F32, rounded to the dtype, in steps of the dtype;
`difference` the same relative to the tensor's largest value.
"""

import argparse
import json
import os
from pathlib import Path

os.environ.setdefault("HF_HUB_OFFLINE", "1")

import torch
from peft import PeftModel
from safetensors.torch import load_file
from transformers import AutoConfig, AutoModelForCausalLM, logging

BITS = {torch.float32: torch.int32, torch.float16: torch.int16, torch.bfloat16: torch.int16}


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    for name in ("--model", "--adapter", "--merged"):
        parser.add_argument(name, type=Path, required=True)
    options = parser.parse_args()
    logging.set_verbosity_error()
    logging.disable_progress_bar()
    ours = load_file(options.merged / "model.safetensors")
    dtype = next(iter(ours.values())).dtype
    base = AutoModelForCausalLM.from_pretrained(options.model, dtype=torch.float32)
    before = {name: value.clone() for name, value in base.named_parameters()}
    theirs = dict(PeftModel.from_pretrained(base, options.adapter).merge_and_unload().named_parameters())
    assert theirs.keys() == ours.keys(), theirs.keys() ^ ours.keys()
    kept = [name for name in ours if torch.equal(theirs[name], before[name])]
    changed = [name for name in ours if name not in kept]
    print(json.dumps({
        "config": settings(options.model) == settings(options.merged),
        "dtype": str(dtype).removeprefix("torch."),
        "unchanged": sum(ours[name].numel() for name in kept),
        "moved": sum(int((ours[name] != before[name].to(dtype)).sum()) for name in kept),
        "merged": sum(ours[name].numel() for name in changed),
        "steps": max(steps(ours[name], theirs[name].detach().to(dtype)) for name in changed),
        "difference": max(float((ours[name] - theirs[name].to(dtype)).abs().max() / ours[name].abs().max()) for name in changed),
    }))


def settings(folder: Path) -> dict:
    """All that transformers reads, but for where it was and how it is stored."""
    fields = AutoConfig.from_pretrained(folder).to_dict()
    return {key: value for key, value in fields.items() if key not in ("_name_or_path", "dtype")}


def steps(one: torch.Tensor, other: torch.Tensor) -> int:
    """The largest number of representable values between two, in the order of the numbers."""
    ranks = [torch.where(bits < 0, -(bits & torch.iinfo(bits.dtype).max), bits).long()
             for bits in (value.contiguous().view(BITS[value.dtype]) for value in (one, other))]
    return int((ranks[0] - ranks[1]).abs().max())


if __name__ == "__main__":
    main()
