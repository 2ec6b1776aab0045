"""Full fine-tuning of a classifier in transformers, as `methods-texts` does it: `check_study.py MODEL CASE.json`.

CASE has `train` and `test`, rows of `text` and `label`, and `labels`, `batch`, `passes`, `warmup` (a share of the
steps), `learningRate`, `seeds`. It prints a JSON list with the accuracy on `test` for each seed."""

import json
import random
import sys
from pathlib import Path

import torch
from transformers import AutoModelForSequenceClassification, AutoTokenizer, get_linear_schedule_with_warmup


def main(folder: str, case: str) -> None:
    torch.set_num_threads(1)
    study = json.loads(Path(case).read_text())
    print(json.dumps([accuracy(folder, study, seed) for seed in study["seeds"]]))


def accuracy(folder: str, study: dict, seed: int) -> float:
    torch.manual_seed(seed)
    tokenizer, model = AutoTokenizer.from_pretrained(folder), classifier(folder, study["labels"])
    order, size, batches = random.Random(seed), study["batch"], []
    for _ in range(study["passes"]):
        rows = order.sample(study["train"], len(study["train"]))
        batches += [encoded(tokenizer, rows[i : i + size]) for i in range(0, len(rows), size)]
    optimizer = torch.optim.AdamW(model.parameters(), lr=study["learningRate"], weight_decay=0)
    schedule = get_linear_schedule_with_warmup(optimizer, round(study["warmup"] * len(batches)), len(batches))
    for batch in batches:
        optimizer.zero_grad()
        model(**batch).loss.backward()
        optimizer.step()
        schedule.step()
    model.eval()
    test, right = study["test"], 0
    with torch.no_grad():
        for i in range(0, len(test), size):
            batch = encoded(tokenizer, test[i : i + size])
            right += int((model(**batch).logits.argmax(1) == batch["labels"]).sum())
    return right / len(test)


def classifier(folder: str, labels: int) -> torch.nn.Module:
    """Its head starts at zero and attention has no dropout of its own, as with us."""
    model = AutoModelForSequenceClassification.from_pretrained(
        folder, num_labels=labels, attention_probs_dropout_prob=0.0, dtype=torch.float32
    )
    torch.nn.init.zeros_(model.classifier.weight)
    torch.nn.init.zeros_(model.classifier.bias)
    return model.train()


def encoded(tokenizer, rows: list[dict]) -> dict:
    inputs = tokenizer([row["text"] for row in rows], padding=True, return_tensors="pt")
    return {**inputs, "labels": torch.tensor([row["label"] for row in rows])}


if __name__ == "__main__":
    main(*sys.argv[1:])
