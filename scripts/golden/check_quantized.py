"""Does bitsandbytes read our weights in 4 bits as we do?

    python scripts/golden/check_quantized.py FILE VALUES

FILE holds weights in 4 bits, VALUES what we dequantize them to, under the same names. Exit code 1 where a value differs.
"""

import sys

import torch
from safetensors.torch import load_file

from quantized import portable


def main(path: str, expected: str) -> int:
    bnb = portable()
    tensors, values = load_file(path), load_file(expected)
    for name, value in values.items():
        parts = {key[len(name) + 1 :]: part for key, part in tensors.items() if key.startswith(f"{name}.")}
        state = bnb.functional.QuantState.from_dict(parts, device=torch.device("cpu"))
        found = bnb.functional.dequantize_4bit(tensors[name], state)
        if found.dtype != value.dtype or not torch.equal(found, value):
            print(f"{name}: {(found - value).abs().max()}")
            return 1
        print(f"{name}: {found.numel()} values of {tuple(found.shape)} are the same")
    return 0


if __name__ == "__main__":
    sys.exit(main(*sys.argv[1:]))
