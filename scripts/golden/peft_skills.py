"""Adapters of our base with skills, trained by PyTorch, transformers and PEFT: `peft_skills.py MODEL CASE.jsonl...`.

The first line of a CASE says how to train: `linears` of a block that get LoRA (none for full fine-tuning), `rank`, `alpha`,
`learningRate`, `warmupSteps`, `steps`, `seed` of A, and, for a test, `start`, A and B by linear layer. As many lines as there are
steps follow, a batch each: `input_ids`, and `labels`, the next tokens, -100 where none is scored. The lines after them are what is
measured. It prints a line of JSON for each CASE: `exact`, the share of texts whose labels all have the largest logit; `loss`, nats
per label; `texts`; `trained` values; `versions`; with `start` the `losses` of the steps, too, and, unless it is empty, the
`gradients` of the first.
"""

import json
import sys
from collections.abc import Iterator
from pathlib import Path

import peft
import torch
import transformers
from torch.nn.functional import cross_entropy

VERSIONS = {"PyTorch": torch.__version__, "transformers": transformers.__version__, "PEFT": peft.__version__}


class SplitLinear(torch.nn.Module):
    """GPT-2's `c_attn` as three linear layers: PEFT cannot adapt a part of one."""

    def __init__(self, fused: transformers.pytorch_utils.Conv1D) -> None:
        super().__init__()
        weights, biases = fused.weight.T.chunk(3), fused.bias.chunk(3)
        for name, weight, bias in zip("qkv", weights, biases):
            linear = torch.nn.Linear(weight.shape[1], weight.shape[0])
            linear.load_state_dict({"weight": weight, "bias": bias})
            self.add_module(name, linear)

    def forward(self, hidden: torch.Tensor) -> torch.Tensor:
        return torch.cat([self.q(hidden), self.k(hidden), self.v(hidden)], -1)


def main(folder: str, *cases: str) -> None:
    torch.set_num_threads(1)
    for case in cases:
        print(json.dumps(row_of(folder, Path(case))), flush=True)


def row_of(folder: str, case: Path) -> dict:
    with case.open() as lines:
        given, batches = json.loads(next(lines)), map(json.loads, lines)
        model = adapted(load(folder), given)
        losses, gradients = train(model, batches, given)
        row = score(model, batches) | {"trained": sum(p.numel() for p in trained(model).values()), "versions": VERSIONS}
    return row | ({"losses": losses, "gradients": gradients} if "start" in given else {})


def load(folder: str) -> torch.nn.Module:
    return transformers.GPT2LMHeadModel.from_pretrained(folder, dtype=torch.float32)


def adapted(model: torch.nn.Module, given: dict) -> torch.nn.Module:
    if "linears" not in given:
        return model.requires_grad_(True)
    split(model)
    torch.manual_seed(given["seed"])
    config = peft.LoraConfig(r=given["rank"], lora_alpha=given["alpha"], target_modules=given["linears"])
    model = peft.get_peft_model(model, config)
    for layer, factors in given.get("start", {}).items():
        for name, values in factors.items():
            weight = model.get_parameter(f"base_model.model.{layer}.lora_{name}.default.weight")
            weight.data = torch.tensor(values, dtype=torch.float32).reshape(weight.shape)
    return model


@torch.no_grad()
def split(model: torch.nn.Module) -> None:
    """The same logits as before."""
    ids = torch.arange(model.config.n_positions)[None]
    before = model(ids).logits
    for block in model.transformer.h:
        block.attn.c_attn = SplitLinear(block.attn.c_attn)
    torch.testing.assert_close(model(ids).logits, before, rtol=1e-5, atol=1e-4)


def trained(model: torch.nn.Module) -> dict[str, torch.Tensor]:
    return {name: parameter for name, parameter in model.named_parameters() if parameter.requires_grad}


def train(model: torch.nn.Module, batches: Iterator[dict], given: dict) -> tuple[list[float], dict]:
    optimizer = torch.optim.AdamW(trained(model).values(), lr=given["learningRate"], weight_decay=0)
    schedule = transformers.get_linear_schedule_with_warmup(optimizer, given["warmupSteps"], given["steps"])
    losses, gradients = [], {}
    for step in range(given["steps"]):
        optimizer.zero_grad()
        logits, labels = outputs(model, next(batches))
        loss = cross_entropy(logits, labels)
        loss.backward()
        if step == 0 and given.get("start"):
            gradients = {name: parameter.grad.flatten().tolist() for name, parameter in trained(model).items()}
        optimizer.step()
        schedule.step()
        losses.append(loss.item())
    return losses, gradients


def outputs(model: torch.nn.Module, batch: dict) -> tuple[torch.Tensor, torch.Tensor]:
    """Padding is on the right and no label: with causal attention nothing that counts sees it."""
    logits = model(torch.tensor(batch["input_ids"]), use_cache=False).logits
    return logits.flatten(0, 1), torch.tensor(batch["labels"]).flatten()


@torch.no_grad()
def score(model: torch.nn.Module, batches: Iterator[dict]) -> dict:
    right = texts = total = scored = 0
    for batch in batches:
        logits, labels = outputs(model, batch)
        counts = labels >= 0
        total += cross_entropy(logits.double(), labels, reduction="sum").item()
        scored += int(counts.sum())
        wrong = (counts & (logits.argmax(-1) != labels)).view(len(batch["labels"]), -1).any(-1)
        asked = counts.view(len(batch["labels"]), -1).any(-1)
        texts += int(asked.sum())
        right += int((asked & ~wrong).sum())
    return {"exact": right / texts, "loss": total / scored, "texts": texts}


if __name__ == "__main__":
    main(*sys.argv[1:])
