"""Ten steps of bitsandbytes' 8-bit AdamW, in a process of its own, which takes its portable path."""

import subprocess
import sys
from pathlib import Path

import torch

from common import write_tensors
from quantized import portable

SHAPES = {"whole": (64, 72), "short": (41, 101), "small": (13, 7)}
STEPS = 10
FILES = {
    "eight_bit_adamw.safetensors": "`map.signed` and `map.unsigned`, and after step T (1, 10) of NAME `T.NAME.parameter` and its `state1`, "
    "`absmax1`, `state2`, `absmax2`: `whole` (64, 72) has 18 blocks of 256, `short` (41, 101) a last one of 45, `small` (13, 7) moments in F32. "
    "Value i of NAME begins as ((6151 i) mod 2003 - 1001) / 1024; its gradient at step t, from 1, is ((7919 i + 104729 t) mod 4001 - 2000) / "
    "2^(10 + (b mod 7)) in block b = i div 256, and 0 where b is 3. Learning rate 0.01, betas 0.9 and 0.999, epsilon 1e-8, decay 0.1"
}
NOTES = {"eight_bit_adamw": "bitsandbytes.optim.AdamW8bit on the CPU, without its native library"}


def make(root: Path) -> None:
    # PEFT loads bitsandbytes with its native library, so this process may have it already.
    subprocess.run([sys.executable, __file__, root], check=True)


def main(root: Path) -> None:
    torch.set_num_threads(1)
    bnb = portable()
    parameters = {name: torch.nn.Parameter(start(shape)) for name, shape in SHAPES.items()}
    optimizer = bnb.optim.AdamW8bit(parameters.values(), lr=0.01, weight_decay=0.1)
    kept = {"map.signed": bnb.functional.create_dynamic_map(), "map.unsigned": bnb.functional.create_dynamic_map(signed=False)}
    for step in range(1, STEPS + 1):
        for parameter in parameters.values():
            parameter.grad = gradient(parameter.shape, step)
        optimizer.step()
        if step in (1, STEPS):
            kept |= {f"{step}.{key}": value for key, value in state(optimizer, parameters).items()}
    write_tensors(root / "eight_bit_adamw.safetensors", kept)


def indices(shape: tuple) -> torch.Tensor:
    return torch.arange(torch.Size(shape).numel(), dtype=torch.int64)


def start(shape: tuple) -> torch.Tensor:
    return ((6151 * indices(shape) % 2003 - 1001).float() / 1024).reshape(shape)


def gradient(shape: tuple, step: int) -> torch.Tensor:
    i = indices(shape)
    block = i // 256
    values = ((7919 * i + 104729 * step) % 4001 - 2000).float() * 2.0 ** -(10 + block % 7).float()
    return torch.where(block == 3, 0.0, values).reshape(shape)


def state(optimizer, parameters: dict) -> dict:
    keys = ("state1", "absmax1", "state2", "absmax2")
    kept = {}
    for name, parameter in parameters.items():
        kept[f"{name}.parameter"] = parameter.detach().clone()
        kept |= {f"{name}.{key}": optimizer.state[parameter][key].clone() for key in keys if key in optimizer.state[parameter]}
    return kept


if __name__ == "__main__":
    main(Path(sys.argv[1]))
