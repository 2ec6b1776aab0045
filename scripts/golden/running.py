"""Small random models of the other families that run: logits, losses and gradients by transformers."""

from pathlib import Path

import torch
import transformers
from transformers import AutoConfig
from transformers.models.mpnet.modeling_mpnet import MPNetEncoder

from common import generator, normal, run_case, tokens, write_json, write_tensors

SEED = 20271
VOCABULARY = 37
ENCODER = dict(
    vocab_size=VOCABULARY, hidden_size=16, num_hidden_layers=2, num_attention_heads=4, intermediate_size=24,
    max_position_embeddings=14, hidden_dropout_prob=0.0, attention_probs_dropout_prob=0.0,
)
DECODER = dict(
    vocab_size=VOCABULARY, hidden_size=16, num_hidden_layers=2, num_attention_heads=4, num_key_value_heads=2,
    intermediate_size=24, max_position_embeddings=32, bos_token_id=None, eos_token_id=2, pad_token_id=0,
)
NEOX = dict(
    vocab_size=VOCABULARY, hidden_size=24, num_hidden_layers=2, num_attention_heads=3, intermediate_size=40,
    max_position_embeddings=32, bos_token_id=None, eos_token_id=2, pad_token_id=0,
)
NAMES = {0: "no", 1: "maybe", 2: "yes"}
LABELS = dict(id2label=NAMES, label2id={name: index for index, name in NAMES.items()})
LLAMA3 = dict(rope_type="llama3", rope_theta=500000.0, factor=8.0, low_freq_factor=1.0, high_freq_factor=4.0,
              original_max_position_embeddings=16)
MODELS = {
    "bert_masked": ("BertForMaskedLM", "bert", dict(ENCODER)),
    "bert_classifier": ("BertForSequenceClassification", "bert", dict(ENCODER, hidden_act="gelu_new", **LABELS)),
    "bert_regression": ("BertForSequenceClassification", "bert", dict(ENCODER, num_labels=1, problem_type="regression")),
    "roberta_masked": ("RobertaForMaskedLM", "roberta", dict(ENCODER, type_vocab_size=1, layer_norm_eps=1e-5)),
    "roberta_classifier": ("RobertaForSequenceClassification", "roberta", dict(ENCODER, type_vocab_size=1, **LABELS)),
    "llama": ("LlamaForCausalLM", "llama", dict(DECODER, rms_norm_eps=1e-5)),
    "llama3_tied": ("LlamaForCausalLM", "llama", dict(DECODER, tie_word_embeddings=True, rope_parameters=LLAMA3)),
    "llama_wide": ("LlamaForCausalLM", "llama", dict(
        DECODER, head_dim=6, attention_bias=True, mlp_bias=True,
        rope_parameters=dict(rope_type="linear", rope_theta=10000.0, factor=4.0))),
    "llama_classifier": ("LlamaForSequenceClassification", "llama", dict(DECODER, **LABELS)),
    "mistral": ("MistralForCausalLM", "mistral", dict(DECODER, sliding_window=None, head_dim=4)),
    "qwen2": ("Qwen2ForCausalLM", "qwen2", dict(DECODER, tie_word_embeddings=True)),
    "qwen3": ("Qwen3ForCausalLM", "qwen3", dict(DECODER, head_dim=6, tie_word_embeddings=True)),
    "qwen3_classifier": ("Qwen3ForSequenceClassification", "qwen3", dict(DECODER, head_dim=4, attention_bias=True, **LABELS)),
    "gpt_neox": ("GPTNeoXForCausalLM", "gpt_neox", dict(
        NEOX, intermediate_size=36, rotary_pct=0.5, rotary_emb_base=1000)),
    "gpt_neox_serial": ("GPTNeoXForCausalLM", "gpt_neox", dict(
        NEOX, use_parallel_residual=False, attention_bias=False, tie_word_embeddings=True, hidden_act="gelu_fast",
        layer_norm_eps=1e-3,
        rope_parameters=dict(rope_type="linear", rope_theta=500.0, factor=4.0, partial_rotary_factor=1.0))),
    "gpt_neox_classifier": ("GPTNeoXForSequenceClassification", "gpt_neox", dict(NEOX, hidden_size=30, **LABELS)),
    "mpnet_masked": ("MPNetForMaskedLM", "mpnet", dict(ENCODER, layer_norm_eps=1e-5)),
    "mpnet_classifier": ("MPNetForSequenceClassification", "mpnet", dict(ENCODER, hidden_act="gelu_new", **LABELS)),
}
FILES = {
    "families/MODEL/": "save_pretrained, F32, of small random models: " + ", ".join(MODELS),
    "families/MODEL.json": "inputs of `plain` and `padded` with labels (masked and causal: (batch, time), -100 ignored), and "
    "the loss that transformers computes; for causal models the greedy continuation of the first sequence",
    "families/MODEL.safetensors": "`logits.CASE`, and `gradient.NAME` of the loss of `padded` for every parameter",
    "mpnet_buckets.json": "the bucket in MPNet of each distance i - j of query i and key j from -400 to 400",
}


def make(root: Path) -> None:
    for number, (name, (kind, model_type, fields)) in enumerate(MODELS.items()):
        torch.manual_seed(SEED + number)
        model = random_model(kind, model_type, fields)
        model.save_pretrained(root / "families" / name)
        record(root / "families", name, model)
    distances = torch.arange(-400, 401)  # of query i and key j, i - j
    write_json(root / "mpnet_buckets.json", MPNetEncoder.relative_position_bucket(-distances).tolist())


def random_model(kind: str, model_type: str, fields: dict) -> torch.nn.Module:
    config = AutoConfig.for_model(model_type, **fields)
    config._attn_implementation = "eager"
    model = getattr(transformers, kind)(config).eval()
    source = generator(SEED)
    with torch.no_grad():  # far from the start, where biases and norms do nothing
        for parameter in model.parameters():
            parameter.add_(normal(source, *parameter.shape, std=0.2))
    return model


def record(folder: Path, name: str, model: torch.nn.Module) -> None:
    cases, tensors = make_cases(model), {}
    for key, case in cases.items():
        result = run_case(model, case)
        tensors[f"logits.{key}"] = result.logits
        case["loss"] = result.loss.item()
    result.loss.backward()
    tensors |= {f"gradient.{name_in_files(model, key)}": value.grad for key, value in model.named_parameters()}
    write_tensors(folder / f"{name}.safetensors", tensors)
    greedy = {"greedy": continuation(model, cases["plain"]["input_ids"][0])} if is_causal(model) else {}
    write_json(folder / f"{name}.json", {"cases": cases, **greedy})


def name_in_files(model: torch.nn.Module, name: str) -> str:
    """transformers 5 calls GPT-NeoX's head `lm_head`, but in the files that it writes."""
    return name.replace("lm_head", "embed_out") if model.config.model_type == "gpt_neox" else name


def is_causal(model: torch.nn.Module) -> bool:
    return type(model).__name__.endswith("ForCausalLM")


def continuation(model: torch.nn.Module, ids: list[int]) -> list[int]:
    """Twelve more tokens, each the likeliest, without a stop."""
    for _ in range(12):
        with torch.no_grad():
            ids = ids + [model(torch.tensor([ids]), use_cache=False).logits[0, -1].argmax().item()]
    return ids[-12:]


def make_cases(model: torch.nn.Module) -> dict:
    """`plain` has all tokens; in `padded`, the last of the cases, rows end in padding, which is masked."""
    source, padding = generator(SEED + 1), model.config.pad_token_id or 0
    rows, lengths = [[3 + id % 30 for id in row] for row in tokens(source, 3, 9)], [9, 6, 3]
    filled = [row[:length] + [padding] * (9 - length) for row, length in zip(rows, lengths)]
    mask = [[1] * length + [0] * (9 - length) for length in lengths]
    types = {"token_type_ids": [[int(place > 3) for place in range(9)] for _ in rows]} if getattr(model.config, "type_vocab_size", 0) > 1 else {}
    plain = {"input_ids": rows, "labels": labels_of(model, rows, [9, 9, 9])}
    return {"plain": plain, "padded": {"input_ids": filled, "attention_mask": mask, **types, "labels": labels_of(model, filled, lengths)}}


def labels_of(model: torch.nn.Module, rows: list, lengths: list) -> list:
    if type(model).__name__.endswith("ForSequenceClassification"):
        return [0.5, -1.0, 2.0] if model.config.num_labels == 1 else [2, 0, 1]
    known = lambda place, length: place < length and (is_causal(model) or place % 3 == 1)
    return [[id if known(place, length) else -100 for place, id in enumerate(row)] for row, length in zip(rows, lengths)]
