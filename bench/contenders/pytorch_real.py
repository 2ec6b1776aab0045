"""PyTorch's side of `deno task bench:real`: `pytorch_real.py eager|sdpa|packed MODEL WORKLOAD [BATCHES.json]`.

Prints one line of JSON as bench/real_models.ts describes. `packed` is `sdpa` with the rows of a batch as one, without
padding, as DataCollatorWithFlattening makes it. The models that all contenders load are made by `adapter MODEL`, which
puts a PEFT folder in it, `half MODEL OUT`, the same in bf16, and `classifier ENCODER OUT`, which has six classes."""

import json
import re
import shutil
import sys
import time
from itertools import repeat
from pathlib import Path

import torch
import transformers
from peft import LoraConfig, PeftModel, get_peft_model
from transformers import AutoConfig, AutoModelForSequenceClassification, AutoTokenizer

from pytorch import tokens

BATCH = {"forward": 1, "lora": 4}
TIME = 128
STEPS = {"forward": 12, "lora": 4}
RATE = {"lora": 1e-4, "full": 1e-5}
TARGETS = {"gpt2": ["c_attn"], "llama": ["q_proj", "v_proj"], "bert": ["query", "value"]}


def memory(key):
    """Bytes of this process: `VmRSS` is resident now, `VmHWM` the most that was."""
    return 1024 * int(re.search(rf"{key}:\s*(\d+)", Path("/proc/self/status").read_text())[1])


def load(folder, attention="eager", dtype=torch.float32):
    (name,) = AutoConfig.from_pretrained(folder).architectures
    given = dict(dtype=dtype, attn_implementation=attention)
    model = getattr(transformers, name).from_pretrained(folder, **given)
    model.config.use_cache = False
    return model


def adapter(folder):
    torch.manual_seed(2)
    model = load(folder)
    kind = "SEQ_CLS" if model.config.model_type == "bert" else None  # trains the head in full beside it
    targets = TARGETS[model.config.model_type]
    config = LoraConfig(r=8, lora_alpha=16, target_modules=targets, init_lora_weights=False, task_type=kind)
    get_peft_model(model, config).save_pretrained(f"{folder}/adapter")


def half(folder, out):
    load(folder, dtype=torch.bfloat16).save_pretrained(out)
    shutil.copytree(f"{folder}/adapter", f"{out}/adapter", dirs_exist_ok=True)


def classifier(encoder, out):
    torch.manual_seed(3)
    rates = dict(hidden_dropout_prob=0, attention_probs_dropout_prob=0)
    model = AutoModelForSequenceClassification.from_pretrained(encoder, num_labels=6, dtype=torch.float32, **rates)
    model.save_pretrained(out)
    AutoTokenizer.from_pretrained(encoder).save_pretrained(out)


def split(row):
    """What the model is given of a row, and what it should answer: next tokens, or a class."""
    ids = row["tokens"]
    if "label" in row:
        return ids, [row["label"]]
    return ids[:-1], [-100] * (row["scoredFrom"] - 1) + ids[row["scoredFrom"] :]


def padded(rows, padding):
    """As a data collator pads: on the right, with a mask, to the longest."""
    parts = [split(row) for row in rows]
    longest = max(len(ids) for ids, _ in parts)
    wide = longest if "scoredFrom" in rows[0] else 1
    inputs = dict(
        input_ids=torch.tensor([ids + [padding] * (longest - len(ids)) for ids, _ in parts]),
        attention_mask=torch.tensor([[1] * len(ids) + [0] * (longest - len(ids)) for ids, _ in parts]),
    )
    return inputs, torch.tensor([labels + [-100] * (wide - len(labels)) for _, labels in parts])


def packed(rows, _):
    """One row, in which positions begin anew with each text; by them transformers makes the mask."""
    parts = [split(row) for row in rows]
    inputs = dict(
        input_ids=torch.tensor([[id for ids, _ in parts for id in ids]]),
        position_ids=torch.tensor([[at for ids, _ in parts for at in range(len(ids))]]),
    )
    return inputs, torch.tensor([[label for _, labels in parts for label in labels]])


def batches_of(model, workload, attention, path):
    """Each batch as a data loader hands it out, and how many there are."""
    if path is None:
        shape, vocabulary = (BATCH[workload], TIME), model.config.vocab_size
        fixed = dict(input_ids=tokens(901, shape, vocabulary)), tokens(902, shape, vocabulary)
        return repeat(fixed), 1 + STEPS[workload]
    given = json.loads(Path(path).read_text())
    collate = packed if attention == "packed" else padded
    return (collate(rows, given["padding"]) for rows in given["batches"]), len(given["batches"])


def forward(model):
    @torch.inference_mode()
    def step(inputs, _):
        return model(**inputs).logits[-1, -1]

    return step, lambda logits: logits[::512].tolist()


def training(model, folder, kind):
    if kind == "lora":
        model = PeftModel.from_pretrained(model, f"{folder}/adapter", is_trainable=True)
    model.train()
    trained = [p for p in model.parameters() if p.requires_grad]
    optimizer = torch.optim.AdamW(trained, lr=RATE[kind], weight_decay=0, fused=True)

    def step(inputs, labels):
        optimizer.zero_grad()
        logits = model(**inputs).logits
        loss = torch.nn.functional.cross_entropy(logits.float().flatten(0, -2), labels.flatten())
        loss.backward()
        optimizer.step()
        return loss.item()

    return step, lambda loss: [loss]


def measure(attention, folder, workload, path=None):
    imported = memory("VmRSS")
    dtype = torch.bfloat16 if workload.endswith("-half") else torch.float32
    model = load(folder, "sdpa" if attention == "packed" else attention, dtype)
    kind = workload.split("-")[0]
    step, check = forward(model.eval()) if kind == "forward" else training(model, folder, kind)
    batches, count = batches_of(model, workload, attention, path)
    loaded, checks, ms = memory("VmHWM"), [], []
    for _, (inputs, labels) in zip(range(count), batches):
        start = time.perf_counter()
        result = step(inputs, labels)
        ms.append(1000 * (time.perf_counter() - start))
        checks.append(check(result))
    return dict(
        device=f"PyTorch {torch.__version__}, {torch.get_num_threads()} threads, {attention}",
        ms=ms[1:], checks=checks, importedBytes=imported, loadedBytes=loaded, peakBytes=memory("VmHWM"),
    )


if __name__ == "__main__":
    torch.set_num_threads(2)
    made = dict(adapter=adapter, half=half, classifier=classifier).get(sys.argv[1])
    if made:
        made(*sys.argv[2:])
    else:
        print(json.dumps(measure(*sys.argv[1:])))
