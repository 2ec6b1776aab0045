"""Does the `adapters` library read our bottlenecks as we do? `python check.py CASES.json`.

The file lists a `model`, an `adapter`, its `ids` and our `logits` for each case. Prints the greatest difference of each;
exit code 1 where one exceeds 5e-5, or where the library finds a tensor missing or one too many.
"""

import json
import os
import sys
from pathlib import Path

os.environ.setdefault("HF_HUB_OFFLINE", "1")

import adapters
import torch
import transformers
from transformers import AutoConfig

TOLERANCE = 5e-5


def main(path: Path) -> int:
    transformers.logging.set_verbosity_error()
    failed = [case["name"] for case in json.loads(path.read_text()) if not is_same(case)]
    return 1 if failed else 0


@torch.no_grad()
def is_same(case: dict) -> bool:
    model, found = load(case["model"]), {}
    model.load_adapter(case["adapter"], loading_info=found, set_active=True, use_safetensors=True)
    model.eval()
    logits = model(torch.tensor(case["ids"])).logits
    difference = (logits.flatten() - torch.tensor(case["logits"])).abs().max().item()
    odd = [key for kind in ("missing_keys", "unexpected_keys") for key in found.get(kind, [])]
    print(f"{case['name']}: {difference:.1e}" + (f", odd keys {odd}" if odd else ""))
    return difference <= TOLERANCE and not odd


def load(folder: str) -> torch.nn.Module:
    config = AutoConfig.from_pretrained(folder)
    kind = getattr(transformers, config.architectures[0])
    model = kind.from_pretrained(folder, config=config, attn_implementation="eager")
    adapters.init(model)
    return model


if __name__ == "__main__":
    sys.exit(main(Path(sys.argv[1])))
