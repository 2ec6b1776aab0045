"""Ten steps of AdamW by PyTorch with what PEFT has beside plain LoRA: losses, trained values, logits at the end."""

from pathlib import Path

import torch
from peft import IA3Config, LoraConfig, PeftModel, TinyLoraConfig, VeraConfig, get_peft_model
from peft.optimizers import create_loraplus_optimizer, create_riemannian_optimizer
from transformers import AutoModelForCausalLM, AutoModelForSequenceClassification

from adapters import layer_delta, lora_layers, save_adapter
from common import generator, load_tiny, logits_of, read_json, run_case, tokens, write_json, write_tensors
from subspace import save_subspace, subspace_model
from variants import trained

SEED = 20350
STEPS, DECAY = 10, 0.1
RATE, VERA_RATE = 5e-3, 5e-2
DAMPING = 0.01
PLUS = dict(loraplus_lr_ratio=8, loraplus_lr_embedding=2e-3)
TARGETS = {
    "gpt2": ["c_attn", "c_proj", "c_fc"],
    "llama": ["q_proj", "v_proj", "down_proj"],
    "bert": ["query", "value", "output.dense"],
    "neox": ["query_key_value", "attention.dense", "dense_4h_to_h"],
    "mpnet": ["attn.q", "attn.v", "output.dense"],
}
FIRST = ["gpt2", "llama", "bert"]  # of which every method has a run
METHODS = {
    "rslora": lambda targets: LoraConfig(r=4, lora_alpha=8, target_modules=targets, use_rslora=True),
    "dora": lambda targets: LoraConfig(r=4, lora_alpha=8, target_modules=targets, use_dora=True),
    "pissa": lambda targets: LoraConfig(r=3, lora_alpha=6, target_modules=targets, init_lora_weights="pissa"),
    "loraplus": lambda targets: LoraConfig(r=4, lora_alpha=8, target_modules=targets, lora_bias=True),
    "vera": lambda targets: VeraConfig(r=8, target_modules=targets, projection_prng_key=7),
}
RUNS = [f"{model}_{method}" for model in FIRST for method in METHODS] + ["gpt2_loraplus_tables", "gpt2_saved"]
RUNS += [f"{model}_{method}" for method in ("ia3", "tinylora", "frozen_a", "subspace") for model in FIRST]
RUNS += [f"{model}_{method}" for model in ("neox", "mpnet") for method in METHODS] + ["neox_ia3"]  # PEFT has no IA3 for MPNet
RUNS += [f"{model}_preconditioned" for model in FIRST]
CLASSIFIERS = {"bert": "bert_classifier", "mpnet": "mpnet_classifier"}
DECODERS = {"llama": "llama", "neox": "gpt_neox"}
FILES = {
    "methods/batches.json": "by model (gpt2: gpt2_tiny, llama: families/llama, bert: families/bert_classifier, neox: "
    "families/gpt_neox, mpnet: families/mpnet_classifier), 3 batches that are taken in turn; for decoders labels = inputs",
    "methods/RUN/": "what the run starts from, saved by PEFT (subspace: by our script): " + ", ".join(RUNS) + "; none for pissa",
    "methods/RUN.json": f"loss of each of {STEPS} steps of AdamW before its update, at rate {RATE} ({VERA_RATE} for vera) "
    f"and decay {DECAY}, with an epsilon of 1e-4 for ia3, and PEFT's Riemannian preconditioner of reg {DAMPING} for preconditioned; "
    "`noise`: the greatest difference of the same in float64; what LoRA+ was told",
    "methods/RUN.safetensors": "after the last step: `value.KEY` of every trained tensor under its key in the file (pissa: "
    "`delta.MODULE` of the first block, (out, in), s (B A - B0 A0)), and `logits` of the first batch",
}
NOTES = {
    "methodTolerance": "ten times `noise`, and not below 2e-6",
    "methodKeyBias": "in values of gpt2 leave entries 48:96 of biases of c_attn out, as `fullKeyBias` says; in those of neox the entries of a key that "
    "no position turns, 12:16 of each 24 of query_key_value",
    "pissaSigns": "singular vectors have no sign of their own: A and B may be -A and -B in pairs, so products are compared",
}


def make(root: Path) -> None:
    here = root / "methods"
    write_json(here / "batches.json", make_batches())
    batches = read_json(here / "batches.json")
    for number, name in enumerate(RUNS):
        base, method = name.split("_", 1)
        torch.manual_seed(SEED + number)
        model = new_model(root, base, method)
        if method != "pissa":
            save(model, here / name)
        exact = new_start(root, name, SEED + number).double()
        starts = deltas(model) if method == "pissa" else {}
        losses = steps(model, method, batches[base])
        noise = max(abs(a - b) for a, b in zip(losses, steps(exact, method, batches[base])))
        told = {"loraPlus": PLUS} if "loraplus" in method else {}
        write_json(here / f"{name}.json", {"loss": losses, "noise": float(f"{noise:.1e}"), **told})
        values = {f"delta.{key}": value - starts[key] for key, value in deltas(model).items()} if starts else {
            f"value.{key_in_file(key)}": value for key, value in trained(model)
        }
        logits = logits_of(model, {"end": batches[base][0]})["logits.end"]
        write_tensors(here / f"{name}.safetensors", values | {"logits": logits})


def key_in_file(key: str) -> str:
    if key == "z":
        return "subspace.z"
    if ".tinylora_v." in key:  # PyTorch names a shared vector after the first layer that has it.
        return "base_model.tinylora_v." + key.rsplit(".", 1)[1]
    return key.removesuffix(".default").replace(".modules_to_save", "")


def make_batches() -> dict:
    source = generator(SEED)
    decoder = lambda vocabulary: [with_labels(tokens(source, 3, 12, vocabulary)) for _ in range(3)]
    encoder = lambda: [dict(input_ids=tokens(source, 3, 12, 37), labels=[0, 2, 1]) for _ in range(3)]
    bert, gpt2, llama = encoder(), decoder(61), decoder(37)
    mpnet = [batch | {"input_ids": [[max(id, 3) for id in row] for row in batch["input_ids"]]} for batch in encoder()]
    return {"gpt2": gpt2, "llama": llama, "bert": bert, "neox": decoder(37), "mpnet": mpnet}  # in MPNet 1 is padding


def with_labels(ids: list) -> dict:
    return dict(input_ids=ids, labels=ids)


def load_base(root: Path, base: str) -> torch.nn.Module:
    if base == "gpt2":
        return load_tiny(root)
    kind = AutoModelForCausalLM if base in DECODERS else AutoModelForSequenceClassification
    folder = (DECODERS | CLASSIFIERS)[base]
    return kind.from_pretrained(root / "families" / folder, dtype=torch.float32, attn_implementation="eager").eval()


def new_model(root: Path, base: str, method: str) -> PeftModel:
    if method == "subspace":
        return subspace_model(load_base(root, base), TARGETS[base])
    if method == "saved":  # a Conv1D, whose weight is (in, out)
        config = LoraConfig(r=2, lora_alpha=4, target_modules=["c_attn"], modules_to_save=["h.0.attn.c_proj"])
    elif method == "loraplus_tables":
        config = LoraConfig(r=4, lora_alpha=8, target_modules=["c_attn", "wpe"], bias="lora_only", fan_in_fan_out=True)
    elif method == "frozen_a":
        return frozen_a(root, base)
    elif method == "preconditioned":
        config = LoraConfig(r=4, lora_alpha=8, target_modules=TARGETS[base])
    elif method == "ia3":  # the modules that PEFT takes of each model
        config = IA3Config(fan_in_fan_out=base == "gpt2")
    elif method == "tinylora":  # 8, 6 or 8 layers, of which some share a vector
        config = TinyLoraConfig(r=3, u=5, weight_tying=0.4, init_weights="uniform", init_v_bound=0.5,
                                target_modules=TARGETS[base], fan_in_fan_out=base == "gpt2")
    else:
        config = METHODS[method](TARGETS[base])
    return get_peft_model(load_base(root, base), config).eval()


def frozen_a(root: Path, base: str) -> PeftModel:
    config = LoraConfig(r=4, lora_alpha=8, target_modules=TARGETS[base])
    model = get_peft_model(load_base(root, base), config).eval()
    for name, parameter in model.named_parameters():
        if "lora_A" in name:
            parameter.requires_grad = False
    return model


def new_start(root: Path, name: str, seed: int) -> PeftModel:
    torch.manual_seed(seed)
    return new_model(root, *name.split("_", 1))


def steps(model: PeftModel, method: str, batches: list) -> list[float]:
    if "loraplus" in method:
        optimizer = create_loraplus_optimizer(model, torch.optim.AdamW, lr=RATE, loraplus_weight_decay=DECAY, **PLUS)
    elif method == "preconditioned":
        optimizer = create_riemannian_optimizer(model, torch.optim.AdamW, lr=RATE, reg=DAMPING, weight_decay=DECAY)
    else:
        parameters = [parameter for parameter in model.parameters() if parameter.requires_grad]
        rate = VERA_RATE if method == "vera" else RATE
        # A vector of inputs has values of hardly any gradient, whose noise Adam would turn into steps.
        epsilon = 1e-4 if method == "ia3" else 1e-8
        optimizer = torch.optim.AdamW(parameters, lr=rate, weight_decay=DECAY, eps=epsilon)
    losses = []
    for step in range(STEPS):
        optimizer.zero_grad()
        loss = run_case(model, batches[step % len(batches)]).loss
        loss.backward()
        optimizer.step()
        losses.append(loss.item())
    return losses


def deltas(model: PeftModel) -> dict[str, torch.Tensor]:
    return {name: layer_delta(layer) for name, layer in lora_layers(model) if ".0." in name}


def save(model: PeftModel, folder: Path) -> None:
    if hasattr(model, "moved"):
        return save_subspace(model, folder)
    save_adapter(model, folder, save_embedding_layers=False)
