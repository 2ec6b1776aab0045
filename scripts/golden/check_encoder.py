"""Compares our encoder's tokens and logits, and a classifier's adapter on it, with transformers and PEFT.

python scripts/golden/check_encoder.py --model M --found F.json [--adapter A]

F.json holds texts with their ids, and for the batch of all of them the tokens, the mask and our logits: those
of the masked language model or, with an adapter, of the classifier.
"""

import argparse
import json
import sys

import torch
from peft import PeftModel
from transformers import AutoModelForMaskedLM, AutoModelForSequenceClassification, AutoTokenizer

parser = argparse.ArgumentParser()
parser.add_argument("--model", required=True)
parser.add_argument("--found", required=True)
parser.add_argument("--adapter")
args = parser.parse_args()

found = json.load(open(args.found))
tokenizer = AutoTokenizer.from_pretrained(args.model)
same = all(tokenizer(text).input_ids == ids for text, ids in zip(found["texts"], found["ids"]))

if args.adapter:
    base = AutoModelForSequenceClassification.from_pretrained(
        args.model, num_labels=found["labels"], dtype=torch.float32
    )
    model = PeftModel.from_pretrained(base, args.adapter).eval()
else:
    model = AutoModelForMaskedLM.from_pretrained(args.model, dtype=torch.float32).eval()
with torch.no_grad():
    inputs = {"input_ids": found["tokens"], "attention_mask": found["mask"]}
    logits = model(**{name: torch.tensor(table) for name, table in inputs.items()}).logits
seen = torch.tensor(found["mask"]).bool()
ours = torch.tensor(found["logits"]).reshape(logits.shape)
apart = (logits - ours).abs()
if not args.adapter:
    apart = apart[seen]
print(f"tokens alike: {same}; logits {apart.max().item()} apart of {ours.abs().max().item()}")
sys.exit(0 if same and apart.max().item() < 5e-5 else 1)
