"""Compares a classifier's loss and accuracy with transformers and PEFT.

python scripts/golden/check_classifier.py --model M --adapter A --data F.jsonl --loss L --accuracy P

The base is a language model: PEFT puts the head that was saved with the adapter on it.
"""

import argparse
import json
import sys

import torch
from peft import PeftModel
from transformers import AutoModelForSequenceClassification, PreTrainedTokenizerFast

parser = argparse.ArgumentParser()
for name in ("model", "adapter", "data"):
    parser.add_argument(f"--{name}", required=True)
for name in ("loss", "accuracy"):
    parser.add_argument(f"--{name}", type=float, required=True)
args = parser.parse_args()

rows = [json.loads(line) for line in open(args.data)]
labels = sorted({row["label"] for row in rows})
tokenizer = PreTrainedTokenizerFast(tokenizer_file=f"{args.model}/tokenizer.json")
base = AutoModelForSequenceClassification.from_pretrained(
    args.model, num_labels=len(labels), dtype=torch.float32
)
base.config.pad_token_id = base.config.eos_token_id
model = PeftModel.from_pretrained(base, args.adapter).eval()

loss, right = 0.0, 0
with torch.no_grad():
    for row in rows:
        ids = tokenizer(row["text"], add_special_tokens=False, return_tensors="pt").input_ids
        logits = model(ids).logits[0]
        target = labels.index(row["label"])
        loss -= torch.log_softmax(logits, 0)[target].item() / len(rows)
        right += int(logits.argmax().item() == target)

print(f"theirs: loss {loss}, accuracy {right / len(rows)}; ours: {args.loss}, {args.accuracy}")
sys.exit(0 if abs(loss - args.loss) < 1e-5 and right / len(rows) == args.accuracy else 1)
