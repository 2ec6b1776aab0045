"""Tensors of published models, and parameters that PEFT counts on them: shapes only, on the meta device."""

import re
from copy import deepcopy
from pathlib import Path

import torch
import transformers
from peft import LoraConfig, get_peft_model
from transformers import AutoConfig, PreTrainedModel

from common import read_json, write_json

CATALOGUE = Path(__file__).resolve().parents[2] / "src" / "architectures" / "catalog.json"

FILES = {
    "counts.json": "`models`: name to config (as in catalog.json, or with a field changed), number of parameters and "
    "tensors: a name whose first number is `*`, with how many and their shape; a tied tensor is there once. "
    "`peft`: get_nb_trainable_parameters of a LoraConfig (targets null: PEFT's default for the model). `headers`: other "
    "families, with the `stored` tensors of their files, buffers included, and what PEFT's all-linear trains at rank 8",
}

MISTRAL = dict(
    model_type="mistral", architectures=["MistralForCausalLM"], vocab_size=32000, hidden_size=4096,
    num_hidden_layers=32, num_attention_heads=32, num_key_value_heads=8, intermediate_size=14336,
)
QWEN2 = dict(
    model_type="qwen2", architectures=["Qwen2ForCausalLM"], vocab_size=151936, hidden_size=896,
    num_hidden_layers=24, num_attention_heads=14, num_key_value_heads=2, intermediate_size=4864,
    tie_word_embeddings=True,
)

# A catalog's model with fields changed.
VARIANTS = [
    ("gpt2", {"architectures": ["GPT2Model"]}),
    ("gpt2", {"architectures": ["GPT2ForSequenceClassification"], "num_labels": 3}),
    ("gpt2", {"tie_word_embeddings": False, "n_inner": 1000}),
    ("bert-base", {"architectures": ["BertModel"]}),
    ("bert-base", {"architectures": ["BertForSequenceClassification"], "num_labels": 5}),
    ("roberta-base", {"architectures": ["RobertaModel"]}),
    ("roberta-base", {"architectures": ["RobertaForSequenceClassification"], "num_labels": 2}),
    ("roberta-large", {"architectures": ["RobertaForSequenceClassification"], "num_labels": 2}),
    ("deberta-base", {"architectures": ["DebertaForMaskedLM"], "position_biased_input": True, "type_vocab_size": 2}),
    ("deberta-base", {"architectures": ["DebertaForSequenceClassification"], "pos_att_type": ["c2p"]}),
    ("deberta-base", {"relative_attention": False}),
    ("deberta-v2-xlarge", {"architectures": ["DebertaV2ForMaskedLM"], "share_att_key": False}),
    ("deberta-v2-xlarge", {"conv_kernel_size": 0, "norm_rel_ebd": "none", "position_buckets": -1}),
    ("deberta-v2-xxlarge", {"architectures": ["DebertaV2ForSequenceClassification"], "num_labels": 3}),
    ("t5-base", {"feed_forward_proj": "gated-gelu", "num_decoder_layers": 6}),
    ("llama-3-8b", {"architectures": ["LlamaModel"], "attention_bias": True, "mlp_bias": True}),
    ("llama-3-8b", {"architectures": ["LlamaForSequenceClassification"], "num_labels": 4}),
    (MISTRAL, {}),
    (QWEN2, {}),
    ("t5-base", {"architectures": ["T5EncoderModel"]}),
    ("t5-base", {"architectures": ["T5EncoderModel"], "feed_forward_proj": "gated-gelu", "num_decoder_layers": 6}),
    ("bert-base", {"tie_word_embeddings": False}),
    ("bert-base", {"architectures": ["BertLMHeadModel"], "is_decoder": True, "add_cross_attention": True}),
    ("bert-base", {"architectures": ["BertModel"], "is_decoder": True, "add_cross_attention": True}),
    ("roberta-base", {"tie_word_embeddings": False}),
    ("roberta-base", {"architectures": ["RobertaForCausalLM"], "is_decoder": True, "add_cross_attention": True}),
    ("deberta-base", {"architectures": ["DebertaForMaskedLM"], "tie_word_embeddings": False}),
]

# Families that have no architecture of ours: their files are counted from headers. Small, but with extents that differ.
SMALL = dict(hidden_size=24, num_hidden_layers=2, num_attention_heads=3, intermediate_size=40, vocab_size=61)
SEQUENCE = dict(
    d_model=24, encoder_layers=2, decoder_layers=2, encoder_attention_heads=3, decoder_attention_heads=3,
    encoder_ffn_dim=40, decoder_ffn_dim=40, vocab_size=61,
)
HEADERS = [
    ("gpt_neox", "GPTNeoXForCausalLM", SMALL),
    ("bart", "BartForConditionalGeneration", SEQUENCE | {"max_position_embeddings": 32}),
    ("mbart", "MBartForConditionalGeneration", SEQUENCE | {"max_position_embeddings": 32}),
    ("opt", "OPTForCausalLM", SMALL | {"ffn_dim": 40, "word_embed_proj_dim": 16, "max_position_embeddings": 32}),
    ("whisper", "WhisperForConditionalGeneration", SEQUENCE | {"pad_token_id": 1, "bos_token_id": 1, "eos_token_id": 1}),
    ("modernbert", "ModernBertForMaskedLM", SMALL | {"pad_token_id": 0}),
    ("modernbert", "ModernBertForMaskedLM", SMALL | {"pad_token_id": 0, "tie_word_embeddings": False}),
    ("distilbert", "DistilBertForMaskedLM", dict(dim=24, n_layers=2, n_heads=3, hidden_dim=40, vocab_size=61, tie_word_embeddings=False)),
    ("bloom", "BloomForCausalLM", dict(hidden_size=24, n_layer=2, n_head=3, vocab_size=61)),
    ("falcon", "FalconForCausalLM", SMALL),
    ("gptj", "GPTJForCausalLM", dict(n_embd=24, n_layer=2, n_head=3, vocab_size=61, rotary_dim=4)),
    ("phi3", "Phi3ForCausalLM", SMALL | {"pad_token_id": 0}),
    ("gemma2", "Gemma2ForCausalLM", SMALL | {"num_key_value_heads": 1, "head_dim": 8}),
    ("electra", "ElectraForMaskedLM", SMALL | {"embedding_size": 16}),
    ("xlm-roberta", "XLMRobertaForMaskedLM", SMALL),
]

# Model, rank, targets (null: PEFT's default), and fields of LoraConfig beyond them. The rows of
# PEFT's documentation and README come first, then ones that nobody printed.
PEFT = [
    ("gpt2", 8, ["c_attn"], {}),
    ("gpt2", 8, "all-linear", {}),
    ("gpt2-medium", 4, ["c_attn"], {}),
    ("gpt2-large", 4, ["c_attn"], {}),
    ("gpt2-xl", 8, ["c_attn"], {}),
    ("roberta-base+2", 8, None, {"task_type": "SEQ_CLS"}),
    ("roberta-large+2", 8, None, {"task_type": "SEQ_CLS"}),
    ("t5-base", 8, None, {}),
    ("llama-2-7b", 8, None, {}),
    ("llama-2-7b", 16, "all-linear", {}),
    ("llama-3-8b", 16, "all-linear", {}),
    ("llama-3.2-3b", 32, None, {}),
    ("llama-3.2-3b", 64, None, {}),
    ("gpt2", 3, None, {}),
    ("gpt2", 16, ["c_proj", "c_fc"], {}),
    ("gpt2-xl", 5, "all-linear", {}),
    ("gpt3-175b", 4, ["c_attn"], {}),
    ("gpt3-13b", 2, "all-linear", {}),
    ("bert-base", 7, None, {}),
    ("bert-base", 4, "all-linear", {}),
    ("roberta-base", 2, "all-linear", {}),
    ("bert-base+5", 4, "all-linear", {"task_type": "SEQ_CLS"}),
    ("roberta-large", 8, ["query", "key", "value", "dense"], {}),
    ("roberta-base+2", 1, "all-linear", {"task_type": "SEQ_CLS"}),
    ("deberta-base", 8, None, {}),
    ("deberta-v2-xlarge", 8, None, {}),
    ("deberta-v2-xxlarge+3", 16, None, {"task_type": "SEQ_CLS"}),
    ("deberta-v2-xxlarge", 2, "all-linear", {}),
    ("t5-base", 4, ["q", "k", "v", "o", "wi", "wo"], {}),
    ("t5-base", 4, "all-linear", {}),
    ("llama-3-8b", 8, ["q_proj", "k_proj", "v_proj", "o_proj"], {}),
    ("llama-3-8b+4", 8, None, {"task_type": "SEQ_CLS"}),
    ("llama-3.2-3b", 6, "all-linear", {}),
    ("gpt2+3", 4, "all-linear", {"task_type": "SEQ_CLS"}),
    ("gpt2", 2, ["wte"], {}),
    ("mistral", 8, None, {}),
    ("qwen2", 8, "all-linear", {}),
    ("t5-base:T5EncoderModel", 8, "all-linear", {}),
    ("t5-base:T5EncoderModel", 8, None, {}),
    ("bert-base:untied", 8, "all-linear", {}),
    ("bert-base:crossed", 8, "all-linear", {}),
    ("roberta-base:untied", 8, "all-linear", {}),
]

# Configurations of the above that are not their models' own.
CHANGED = {
    "T5EncoderModel": {"architectures": ["T5EncoderModel"]},
    "untied": {"tie_word_embeddings": False},
    "crossed": {"architectures": ["BertLMHeadModel"], "is_decoder": True, "add_cross_attention": True},
}


def make(root: Path) -> None:
    configs = {name: entry["config"] for name, entry in read_json(CATALOGUE).items()}
    counted = list(configs.items()) + [(name_of(base), config_of(configs, base) | more) for base, more in VARIANTS]
    write_json(root / "counts.json", {
        "models": [{"name": name, "config": config, **count(build(config))} for name, config in counted],
        "peft": [row(configs, *case) for case in PEFT],
        "headers": [stored(*case) for case in HEADERS],
    })


def name_of(base: str | dict) -> str:
    return base if isinstance(base, str) else base["model_type"]


def config_of(configs: dict, base: str | dict) -> dict:
    return configs[base] if isinstance(base, str) else base


def build(config: dict) -> PreTrainedModel:
    # A copy: transformers writes into the dictionaries that it is given.
    fields = deepcopy({key: value for key, value in config.items() if key not in ("model_type", "architectures")})
    # Heads change no tensor of GPT-2, and transformers refuses the two shapes of GPT-3 whose heads do not fill the width.
    if config["model_type"] == "gpt2":
        fields["n_head"] = 1
    settings = AutoConfig.for_model(config["model_type"], **fields)
    with torch.device("meta"):
        model = getattr(transformers, config["architectures"][0])(settings)
    model.tie_weights()
    return model


def count(model: PreTrainedModel) -> dict:
    groups: dict[str, list[str]] = {}
    for name, parameter in model.named_parameters():
        key = re.sub(r"(?<=\.)\d+(?=\.)", "*", name, count=1)
        groups.setdefault(key, []).append("x".join(map(str, parameter.shape)))
    assert all(len(set(shapes)) == 1 for shapes in groups.values()), "a layer has another shape than the others"
    # transformers 5 calls the head so in memory alone.
    if model.config.model_type == "gpt_neox" and "lm_head.weight" in groups:
        groups["embed_out.weight"] = groups.pop("lm_head.weight")
    return {
        "parameters": sum(p.numel() for p in model.parameters()),
        "tensors": {key: f"{len(shapes)} of {shapes[0]}" for key, shapes in groups.items()},
    }


def stored(model_type: str, architecture: str, fields: dict) -> dict:
    """What a file of the model would list: its state without the copies of tied tensors."""
    model = build({"model_type": model_type, "architectures": [architecture], **fields})
    state, named = model.state_dict(), dict(model.named_parameters())
    copies = {name for name, _ in model.named_parameters(remove_duplicate=False)} - named.keys()
    tensors = {name: "x".join(map(str, value.shape)) for name, value in state.items() if name not in copies}
    parameters = sum(p.numel() for p in model.parameters())
    trainable, _ = get_peft_model(model, LoraConfig(r=8, target_modules="all-linear")).get_nb_trainable_parameters()
    return {"model": architecture, "fields": fields, "parameters": parameters, "stored": tensors, "allLinear": trainable}


def row(configs: dict, model: str, rank: int, targets: str | list[str] | None, more: dict) -> dict:
    model, _, change = model.partition(":")
    base, _, labels = model.partition("+")
    config = dict({"mistral": MISTRAL, "qwen2": QWEN2} | configs)[base] | CHANGED.get(change, {})
    if labels:
        stem = re.sub(r"(LMHeadModel|For\w+|Model)$", "", config["architectures"][0])
        config = config | {"architectures": [f"{stem}ForSequenceClassification"], "num_labels": int(labels)}
    lora = LoraConfig(r=rank, target_modules=targets, **more)
    trainable, everything = get_peft_model(build(config), lora).get_nb_trainable_parameters()
    return {"model": base, "config": config, "rank": rank, "targets": targets, "trainable": trainable, "all": everything}
