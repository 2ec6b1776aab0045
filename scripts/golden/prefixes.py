"""Virtual tokens trained by PEFT (prompt tuning, prefix tuning): logits, greedy text, ten steps of AdamW."""

from pathlib import Path

import torch
from peft import PeftModel, PrefixTuningConfig, PromptTuningConfig, get_peft_model
from peft.utils import PeftType
from transformers import AutoModelForCausalLM, AutoModelForSequenceClassification

from common import generator, load_tiny, tokens, write_json, write_tensors

SEED = 20360
LENGTH, STEPS, RATE, DECAY = 3, 10, 2e-2, 0.1
METHODS = {
    "prompt": lambda task: PromptTuningConfig(task_type=task, num_virtual_tokens=LENGTH),
    "prefix": lambda task: PrefixTuningConfig(task_type=task, num_virtual_tokens=LENGTH),
    "projection": lambda task: PrefixTuningConfig(
        task_type=task, num_virtual_tokens=LENGTH, prefix_projection=True, encoder_hidden_size=5),
}
BASES = {"gpt2": "gpt2_tiny", "llama": "families/llama", "wide": "families/llama_wide", "bert": "families/bert_classifier",
         "roberta": "families/roberta_classifier", "deberta": "families/deberta_v2_classifier"}
RUNS = ["gpt2_prompt", "gpt2_prefix", "gpt2_projection", "llama_prompt", "llama_prefix", "wide_prefix", "bert_prompt",
        "bert_prefix", "roberta_prompt", "deberta_prompt"]
CLASSES = ("bert", "roberta", "deberta")
FILES = {
    "prefixes/RUN/": "what the run starts from, saved by PEFT: " + ", ".join(RUNS) + f", {LENGTH} virtual tokens, on "
    + ", ".join(f"{key}: {folder}" for key, folder in BASES.items()),
    "prefixes/RUN.json": "inputs of `plain`, `padded` and, for decoders, `left` (padding on the left); for decoders the greedy "
    f"continuation of the first row of `plain`; loss of each of {STEPS} steps of AdamW on `padded` before its update, at rate {RATE} "
    f"and decay {DECAY}; `noise`: the greatest difference of the same in float64; no steps for projection",
    "prefixes/RUN.safetensors": "`logits.CASE` at the start, of the tokens without the virtual ones; after the last step "
    "`value.KEY` of every tensor under its key in PEFT's file",
}
NOTES = {
    "prefixTuningOfClassifiers": "PEFT 0.21 refuses prefix tuning of classifiers with transformers 5 (its trunks call "
    "past_key_values `cache`): bert_prefix does the rest of PEFT's own forward with its prompt, trunk, pooler and classifier",
    "promptLabels": "labels of virtual tokens and of each row's first token are -100: PEFT would let the last virtual token "
    "predict the first one",
}


def make(root: Path) -> None:
    for number, name in enumerate(RUNS):
        model, cases = new_model(root, name, SEED + number), make_cases(name)
        model.save_pretrained(root / "prefixes" / name)
        (root / "prefixes" / name / "README.md").unlink(missing_ok=True)
        logits = {f"logits.{key}": run(model, case)[0] for key, case in cases.items()}
        record = {"cases": cases}
        if not is_classifier(name):
            record["greedy"] = continuation(model, cases["plain"]["input_ids"][0])
        values = {}
        if "projection" not in name:
            exact = new_model(root, name, SEED + number).double()
            record["loss"] = steps(model, cases["padded"])
            noise = max(abs(a - b) for a, b in zip(record["loss"], steps(exact, cases["padded"])))
            record["noise"] = float(f"{noise:.1e}")
            values = {f"value.{key}": value for key, value in trained(model).items()}
        write_json(root / "prefixes" / f"{name}.json", record)
        write_tensors(root / "prefixes" / f"{name}.safetensors", logits | values)


def is_classifier(name: str) -> bool:
    return name.startswith(CLASSES)


def new_model(root: Path, name: str, seed: int) -> PeftModel:
    torch.manual_seed(seed)
    base, method = name.split("_")
    config = METHODS[method]("SEQ_CLS" if is_classifier(name) else "CAUSAL_LM")
    config.base_model_name_or_path = BASES[base]
    return get_peft_model(load_base(root, base), config).eval()


def load_base(root: Path, base: str) -> torch.nn.Module:
    if base == "gpt2":
        return load_tiny(root)
    kind = AutoModelForSequenceClassification if base in CLASSES else AutoModelForCausalLM
    model = kind.from_pretrained(root / BASES[base], dtype=torch.float32, attn_implementation="eager").eval()
    model.name_or_path = model.config._name_or_path = BASES[base]
    return model


def make_cases(name: str) -> dict:
    source, lengths = generator(SEED), [9, 6, 4]
    rows = [[3 + id % 30 for id in row] for row in tokens(source, 3, 9)]
    padding = 1 if name.startswith("roberta") else 0
    right = [row[:length] + [padding] * (9 - length) for row, length in zip(rows, lengths)]
    mask = [[1] * length + [0] * (9 - length) for length in lengths]
    labels = [2, 0, 1] if is_classifier(name) else [
        [-100] + [id if seen else -100 for id, seen in zip(row[1:], shown[1:])] for row, shown in zip(right, mask)]
    cases = {"plain": {"input_ids": rows}, "padded": {"input_ids": right, "attention_mask": mask, "labels": labels}}
    if not is_classifier(name):
        cases["left"] = {"input_ids": [row[::-1] for row in right], "attention_mask": [row[::-1] for row in mask]}
    return cases


def run(model: PeftModel, case: dict) -> tuple[torch.Tensor, torch.Tensor | None]:
    inputs = {key: torch.tensor(value) for key, value in case.items()}
    if model.active_peft_config.peft_type == PeftType.PREFIX_TUNING and hasattr(model.base_model, "classifier"):
        return classify(model, inputs)
    out = model(**inputs)
    return out.logits if out.logits.dim() == 2 else out.logits[:, -len(case["input_ids"][0]):], out.loss


def classify(model: PeftModel, inputs: dict) -> tuple[torch.Tensor, torch.Tensor | None]:
    ids = inputs["input_ids"]
    prefix = torch.ones(len(ids), model.active_peft_config.num_virtual_tokens)
    shown = torch.cat((prefix, inputs.get("attention_mask", torch.ones(ids.shape))), dim=1)
    trunk = model.base_model.bert(input_ids=ids, attention_mask=shown, cache=model.get_prompt(len(ids)))
    logits = model.base_model.classifier(trunk.pooler_output)
    loss = torch.nn.functional.cross_entropy(logits, inputs["labels"]) if "labels" in inputs else None
    return logits, loss


@torch.no_grad()
def continuation(model: PeftModel, ids: list[int]) -> list[int]:
    """As many tokens as the positions allow, up to twelve, each the likeliest, without a cache."""
    made = ids
    count = min(12, model.base_model.config.max_position_embeddings - LENGTH - len(ids))
    for _ in range(count):
        made = made + [run(model, {"input_ids": [made]})[0][0, -1].argmax().item()]
    return made[-count:]


def steps(model: PeftModel, case: dict) -> list[float]:
    parameters = [parameter for parameter in model.parameters() if parameter.requires_grad]
    optimizer = torch.optim.AdamW(parameters, lr=RATE, weight_decay=DECAY)
    losses = []
    for _ in range(STEPS):
        optimizer.zero_grad()
        loss = run(model, case)[1]
        loss.backward()
        optimizer.step()
        losses.append(loss.item())
    return losses


def trained(model: PeftModel) -> dict[str, torch.Tensor]:
    """Under the keys of PEFT's file."""
    saved = {name.replace("modules_to_save.default.", ""): value for name, value in model.named_parameters()
             if value.requires_grad and "prompt_encoder" not in name}
    return saved | {"prompt_embeddings": model.get_prompt_embedding_to_save("default")}
