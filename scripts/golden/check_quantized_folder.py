"""Does transformers load a folder in 4 bits as we dequantize it? Prints a JSON object.

    python scripts/golden/check_quantized_folder.py FOLDER VALUES

VALUES holds the weights in 4 bits, (out, in), under their names in the model. `quantized` are the layers that transformers has in 4
bits, `floats` its other linear layers, `different` those of the first whose values are not VALUES'.
"""

import json
import os
import sys

os.environ.setdefault("HF_HUB_OFFLINE", "1")

from quantized import portable

bnb = portable()

import torch
import transformers
from safetensors.torch import load_file


def main(folder: str, expected: str) -> None:
    transformers.logging.set_verbosity_error()
    transformers.logging.disable_progress_bar()
    values = load_file(expected)
    name = transformers.AutoConfig.from_pretrained(folder).architectures[0]
    model = getattr(transformers, name).from_pretrained(folder)
    modules = dict(model.named_modules())
    layers = {name: module for name, module in modules.items() if isinstance(module, bnb.nn.Linear4bit)}
    different = [name for name, module in layers.items() if not same(module.weight, values[f"{name}.weight"])]
    floats = [name for name, module in modules.items() if isinstance(module, torch.nn.Linear) and name not in layers]
    print(json.dumps({"quantized": list(layers), "floats": floats, "different": different}))


def same(weight: torch.nn.Parameter, values: torch.Tensor) -> bool:
    found = bnb.functional.dequantize_4bit(weight.data, weight.quant_state)
    return torch.equal(found.float(), values.float())


if __name__ == "__main__":
    main(*sys.argv[1:])
