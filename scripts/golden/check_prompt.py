"""Does PEFT read our virtual tokens as we do? Compares the output of `lowrank logits` with PEFT's own logits.

    python scripts/golden/check_prompt.py --model MODEL --adapter ADAPTER --input IN.json --output OUT.safetensors

Prints the greatest absolute difference of each case over the tokens that are not masked; exit code 1 where one exceeds the
tolerance.
"""

import os
import sys
import warnings

os.environ.setdefault("HF_HUB_OFFLINE", "1")

import torch
from safetensors.torch import load_file
from transformers import logging

from check_peft import compare, load, read_options, report
from common import read_json
from prefixes import run


def main() -> int:
    options = read_options()
    warnings.simplefilter("ignore")
    logging.set_verbosity_error()
    logging.disable_progress_bar()
    cases = read_json(options.input)["cases"]
    try:
        model = load(options.model, options.adapter)
        with torch.no_grad():
            expected = {f"logits.{name}": run(model, case)[0] for name, case in cases.items()}
        differences = compare(cases, expected, load_file(options.output))
    except ValueError as error:
        print(f"error: {error}", file=sys.stderr)
        return 1
    return report(differences, options.tolerance)


if __name__ == "__main__":
    sys.exit(main())
