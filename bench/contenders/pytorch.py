"""PyTorch's side of `deno task bench`: `pytorch.py torch WORKLOAD`, or `pytorch.py roof`.

Prints one line of JSON as bench/protocol.ts describes. Numbers come from the same hash as in
bench/workloads.ts; models are those of transformers and PEFT, eager, with PyTorch's own kernels.
"""

import json
import sys
import time

import numpy as np
import torch

REPEATS = {
    "matmul": (40, 3),
    "lora_linear": (40, 4),
    "gpt_full": (60, 4),
    "gpt_lora": (60, 4),
    "pretrain": (20, 1),
    "generate": (20, 0),
}
TINY = dict(vocabulary=128, width=128, layers=2, heads=4, batch=8, time=64)
BASE = dict(vocabulary=1024, width=256, layers=2, heads=8, batch=16, time=64)
RATE = 1e-3


def hashes(seed, count):
    start = (seed + 1) * 0x9E3779B9 % 2**32
    h = np.arange(count, dtype=np.uint32) + np.uint32(start)
    h = (h ^ (h >> 16)) * np.uint32(0x7FEB352D)
    h = (h ^ (h >> 15)) * np.uint32(0x846CA68B)
    return h ^ (h >> 16)


def values(seed, shape, scale=1.0):
    h = hashes(seed, int(np.prod(shape))).astype(np.float64)
    return torch.from_numpy(((h / 2**31 - 1) * scale).astype(np.float32)).reshape(shape)


def tokens(seed, shape, vocabulary):
    h = hashes(seed, int(np.prod(shape))).astype(np.int64) % vocabulary
    return torch.from_numpy(h).reshape(shape)


def measure(name, step, check, each, tens):
    def clock(times):
        start = time.perf_counter()
        for _ in range(times):
            step()
        return (time.perf_counter() - start) * 1000 / times

    first = clock(1)
    check_first = check()
    clock(1)
    singles = [clock(1) for _ in range(3)]
    checks = [check_first, check()]
    singles += [clock(1) for _ in range(each - 3)]
    blocks = [clock(10) for _ in range(tens)]
    steps = 2 + each + 10 * tens
    return dict(
        name=name, firstMs=first, each=singles, ten=blocks, checks=[*checks, check()], steps=steps
    )


def products(each, tens):
    for n in (256, 512, 1024):
        a, b, c = values(1, (n, n)), values(2, (n, n)), torch.empty(n, n)
        for layout in ("NT", "NN", "TN"):
            x, y = a.T if layout[0] == "T" else a, b.T if layout[1] == "T" else b
            step = lambda: torch.matmul(x, y, out=c)
            check = lambda: c.double().abs().mean().item()
            yield measure(f"matmul {n} {layout}", step, check, each, tens)


def trainer(parameters, loss_of):
    optimizer = torch.optim.Adam(parameters, lr=RATE)
    last = [0.0]

    def step():
        optimizer.zero_grad()
        loss = loss_of()
        loss.backward()
        optimizer.step()
        last[0] = loss.item()

    return step, lambda: last[0]


class Layer(torch.nn.Module):
    def __init__(self, weight):
        super().__init__()
        self.w = torch.nn.Linear(*weight.shape, bias=False)
        self.w.weight.data = weight

    def forward(self, x):
        return self.w(x)


def lora_linear():
    from peft import LoraConfig, inject_adapter_in_model

    root = 768**-0.5
    x, target = values(1, (256, 768)), values(5, (256, 768))
    config = LoraConfig(r=8, lora_alpha=16, target_modules=["w"])
    model = inject_adapter_in_model(config, Layer(values(2, (768, 768), root)))
    model.w.lora_A.default.weight.data = values(3, (8, 768), root)
    model.w.lora_B.default.weight.data = values(4, (768, 8), 0.02)
    adapted = [p for p in model.parameters() if p.requires_grad]
    return trainer(adapted, lambda: torch.nn.functional.mse_loss(model(x), target))


def make_gpt(size):
    from transformers import GPT2Config, GPT2LMHeadModel

    config = GPT2Config(
        vocab_size=size["vocabulary"], n_positions=size["time"], n_embd=size["width"],
        n_layer=size["layers"], n_head=size["heads"],
        resid_pdrop=0, embd_pdrop=0, attn_pdrop=0, bos_token_id=None, eos_token_id=None,
    )
    model = GPT2LMHeadModel(config)
    for seed, (name, p) in enumerate(model.transformer.named_parameters()):
        if p.ndim == 1:
            p.data.fill_(1 if name.endswith("weight") else 0)
        elif name.startswith("w"):
            p.data = values(seed, tuple(p.shape), 0.1)
        else:  # Conv1D holds (in, out)
            p.data = values(seed, (p.shape[1], p.shape[0]), p.shape[0] ** -0.5).T.contiguous()
    model.tie_weights()
    return model


def adapt(model, size):
    from peft import LoraConfig, get_peft_model

    config = LoraConfig(r=8, lora_alpha=16, target_modules=["c_attn"], fan_in_fan_out=True)
    model = get_peft_model(model, config)
    width = size["width"]
    for i, block in enumerate(model.base_model.model.transformer.h):
        block.attn.c_attn.lora_A.default.weight.data = values(300 + i, (8, width), width**-0.5)
        block.attn.c_attn.lora_B.default.weight.data = values(400 + i, (3 * width, 8), 0.02)
    return model


def gpt(workload):
    size = BASE if workload == "pretrain" else TINY
    model = make_gpt(size)
    if workload == "gpt_lora":
        model = adapt(model, size)
    shape, vocabulary = (size["batch"], size["time"]), size["vocabulary"]
    inputs, targets = tokens(901, shape, vocabulary), tokens(902, shape, vocabulary)

    def loss_of():
        logits = model(input_ids=inputs, use_cache=False).logits
        return torch.nn.functional.cross_entropy(logits.view(-1, vocabulary), targets.view(-1))

    return trainer([p for p in model.parameters() if p.requires_grad], loss_of)


def generate():
    model = make_gpt(BASE).eval()
    prompt, made = tokens(903, (1, 8), BASE["vocabulary"]), [None]

    @torch.inference_mode()
    def step():
        made[0] = model.generate(
            prompt, attention_mask=torch.ones_like(prompt), do_sample=False,
            max_new_tokens=48, min_new_tokens=48, pad_token_id=0,
        )

    return step, lambda: int(made[0][0, 8:].sum())


def best(work, repeats=15):
    def clock():
        start = time.perf_counter()
        work()
        return time.perf_counter() - start

    return min(clock() for _ in range(repeats))


def roof():
    """The most that this machine is seen to do: a large product of MKL, a copy beyond the caches."""
    n, size = 1536, 2**25
    a, b, c = torch.ones(n, n), torch.ones(n, n), torch.empty(n, n)
    x, y = torch.ones(size), torch.empty(size)
    flops = 2 * n**3 / best(lambda: torch.matmul(a, b, out=c))
    copied = 8 * size / best(lambda: y.copy_(x))
    return dict(gflops=flops / 1e9, copyGBs=copied / 1e9)


def report(workload):
    if workload == "roof":
        return dict(roof=roof())
    if workload == "low_rank":
        return dict(notRun="a comparison within Lowrank")
    if workload == "matmul":
        return dict(cases=list(products(*REPEATS[workload])))
    make = {"lora_linear": lora_linear, "generate": generate}.get(workload, lambda: gpt(workload))
    return dict(cases=[measure(workload, *make(), *REPEATS[workload])])


if __name__ == "__main__":
    torch.set_num_threads(2)
    torch.manual_seed(0)
    device = f"PyTorch {torch.__version__}, {torch.get_num_threads()} threads"
    print(json.dumps(dict(device=device, **report(sys.argv[2]))))
