"""PEFT's side of `deno task bench:adapters`: `peft_adapters.py MODEL ADAPTERS CASES ROUNDS`.

CASES is a list in JSON as bench/many_adapters.ts describes; prints one line of JSON. A set is a pass with `adapter_names`."""

import json
import os
import statistics
import sys
import time

os.environ.setdefault("HF_HUB_OFFLINE", "1")

import peft
import torch
from peft import PeftModel
from transformers import AutoModelForCausalLM

from pytorch import tokens

ROWS, TIME = 128, 16


def load(folder):
    return AutoModelForCausalLM.from_pretrained(folder, dtype=torch.float32).eval()


def adapted(folder, adapters, count):
    model = PeftModel.from_pretrained(load(folder), f"{adapters}/0", adapter_name="0")
    for i in range(1, count):
        model.load_adapter(f"{adapters}/{i}", adapter_name=str(i))
    return model.eval()


def measure(folder, adapters, cases, rounds):
    base, single = load(folder), adapted(folder, adapters, 1)
    most = adapted(folder, adapters, max(case["count"] for case in cases))
    models = {"base": base, "base again": base, "single": single, "set": most}
    inputs = tokens(901, (ROWS, TIME), base.config.vocab_size)

    @torch.inference_mode()
    def forward(case):
        names = [str(row % case["count"]) for row in range(ROWS)] if case["kind"] == "set" else None
        more = {"adapter_names": names} if names else {}
        return models[case["kind"]](inputs, use_cache=False, **more).logits

    checks = [forward(case)[:, -1, ::64].flatten().tolist() for case in cases]
    times = [[] for _ in cases]
    for turn in range(rounds):
        for i in range(len(cases)):
            place = (turn + i) % len(cases)
            start = time.perf_counter()
            forward(cases[place])
            times[place].append(1000 * (time.perf_counter() - start))
    return dict(
        device=f"PEFT {peft.__version__}, PyTorch {torch.__version__}, {torch.get_num_threads()} threads",
        results=[
            dict(minimum=min(own), median=statistics.median(own), check=check)
            for own, check in zip(times, checks, strict=True)
        ],
    )


if __name__ == "__main__":
    torch.set_num_threads(2)
    model, adapters, cases, rounds = sys.argv[1:]
    print(json.dumps(measure(model, adapters, json.loads(cases), int(rounds))))
