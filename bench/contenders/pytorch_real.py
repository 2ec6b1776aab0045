"""PyTorch's side of `deno task bench:real`: `pytorch_real.py eager|sdpa MODEL WORKLOAD`, or `adapter MODEL OUT`.

Prints one line of JSON as bench/real_models.ts describes; `adapter` saves a PEFT folder that all contenders load."""

import json
import re
import sys
import time
from pathlib import Path

import torch
from peft import LoraConfig, PeftModel, get_peft_model
from transformers import AutoModelForCausalLM

from pytorch import tokens

REPEATS = {"forward": 12, "lora": 4}
BATCH = {"forward": 1, "lora": 4}
TIME = 128
RATE = 1e-4


def memory(key):
    """Bytes of this process: `VmRSS` is resident now, `VmHWM` the most that was."""
    return 1024 * int(re.search(rf"{key}:\s*(\d+)", Path("/proc/self/status").read_text())[1])


def load(folder, attention="eager"):
    return AutoModelForCausalLM.from_pretrained(folder, dtype=torch.float32, attn_implementation=attention)


def adapter(folder, out):
    torch.manual_seed(2)
    targets = ["c_attn"] if "gpt2" in folder else ["q_proj", "v_proj"]
    config = LoraConfig(r=8, lora_alpha=16, target_modules=targets, init_lora_weights=False)
    get_peft_model(load(folder), config).save_pretrained(out)


def forward(model, inputs):
    @torch.inference_mode()
    def step():
        return model(inputs, use_cache=False).logits

    return step, lambda logits: logits[-1, -1, ::512].tolist()


def lora(model, inputs, targets, folder):
    adapted = PeftModel.from_pretrained(model, f"{folder}/adapter", is_trainable=True).train()
    trained = [p for p in adapted.parameters() if p.requires_grad]
    optimizer = torch.optim.AdamW(trained, lr=RATE, weight_decay=0)

    def step():
        optimizer.zero_grad()
        logits = adapted(inputs, use_cache=False).logits
        loss = torch.nn.functional.cross_entropy(logits.flatten(0, 1), targets.flatten())
        loss.backward()
        optimizer.step()
        return loss.item()

    return step, lambda loss: [loss]


def measure(attention, folder, workload):
    imported = memory("VmRSS")
    model = load(folder, attention)
    shape, vocabulary = (BATCH[workload], TIME), model.config.vocab_size
    inputs, targets = tokens(901, shape, vocabulary), tokens(902, shape, vocabulary)
    step, check = forward(model.eval(), inputs) if workload == "forward" else lora(model, inputs, targets, folder)
    loaded, checks, ms = memory("VmHWM"), [], []
    for _ in range(1 + REPEATS[workload]):
        start = time.perf_counter()
        result = step()
        ms.append(1000 * (time.perf_counter() - start))
        checks.append(check(result))
    return dict(
        device=f"PyTorch {torch.__version__}, {torch.get_num_threads()} threads, {attention}",
        ms=ms[1:], checks=checks, importedBytes=imported, loadedBytes=loaded, peakBytes=memory("VmHWM"),
    )


if __name__ == "__main__":
    torch.set_num_threads(2)
    if sys.argv[1] == "adapter":
        adapter(*sys.argv[2:])
    else:
        print(json.dumps(measure(*sys.argv[1:])))
