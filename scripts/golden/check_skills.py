"""Does transformers answer as we do on our base with skills? The same tokens, and the same greedy answers.

    python scripts/golden/check_skills.py --model M --found F.json

F.json holds prompts, each with its tokens and the text that we continue it with.
"""

import argparse
import json
import sys

import torch
from transformers import AutoModelForCausalLM, AutoTokenizer

parser = argparse.ArgumentParser()
parser.add_argument("--model", required=True)
parser.add_argument("--found", required=True)
args = parser.parse_args()

tokenizer = AutoTokenizer.from_pretrained(args.model)
model = AutoModelForCausalLM.from_pretrained(args.model, dtype=torch.float32).eval()
wrong = 0
for found in json.load(open(args.found)):
    ids = tokenizer(tokenizer.eos_token + found["prompt"]).input_ids
    made = model.generate(
        torch.tensor([ids]), max_new_tokens=32, do_sample=False, pad_token_id=tokenizer.eos_token_id
    )[0, len(ids):]
    answer = tokenizer.decode(made, skip_special_tokens=True)
    if ids != found["ids"] or answer != found["answer"]:
        wrong += 1
        print(f"{found['prompt']} {ids} {answer!r}, not {found['ids']} {found['answer']!r}")
sys.exit(1 if wrong else 0)
