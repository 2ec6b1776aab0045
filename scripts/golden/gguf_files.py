"""Small GGUF files of each type, by the package `gguf`, and what transformers makes of them."""

import hashlib
import json
from pathlib import Path

import gguf
import numpy as np
import torch
from gguf import GGMLQuantizationType as Type
from tokenizers import Tokenizer, decoders, models, pre_tokenizers, trainers
from transformers import AutoModelForCausalLM, AutoTokenizer

from common import write_json, write_tensors

SEED = 20290
FILES = {
    "gguf/NAME.gguf": "a Llama, or a Qwen2, of one block and width 32 with a byte-level tokenizer, matrices in the type that the "
    "name says",
    "gguf/expected.json": "of each file what transformers makes of it: fields of its `config`, the SHA-256 of the bytes of "
    "each of its `tensors` in F32, `input_ids` of which `logits.safetensors` has the logits of the last two, and `ids` of "
    "`texts`. Those of `smollm` are those of the tokenizer on the hub, which cuts digits apart before all else, as llama.cpp "
    "does; what transformers gives for the file is in `transformersIds`",
    "gguf/logits.safetensors": "the logits by the file's name",
}
WIDTH, HEADS, SHARED, INNER = 32, 4, 2, 64
END, START, THINK = "<|endoftext|>", "<|im_start|>", "<think>"
CORPUS = ["the cat sat on  the mat, and it's a hat. don't be friendly!  why? we've 12 cats, 345 hats\n\n  one     a     b     c"] * 4
TEXTS = [
    "the cat sat on the mat, and it's a hat.",
    f"{START}why? {THINK}don't be friendly!{END}",
    "in 2026 there were 1234567 cats, 3.14 hats\n\n  and one  more",
    "déjà vu, 猫 🐱\t\r\n DON'T",
    "two  12 and three   345",
    "",
]
FIELDS = ["model_type", "hidden_size", "num_hidden_layers", "num_attention_heads", "num_key_value_heads", "intermediate_size", "max_position_embeddings", "rms_norm_eps", "vocab_size", "tie_word_embeddings", "bos_token_id", "eos_token_id"]

# By the file's name: architecture, type of the matrices, how texts are cut, whether the head has a weight of its own.
CASES = {
    "llama_f32": ("llama", Type.F32, "gpt-2", False),
    "llama_f16": ("llama", Type.F16, "llama-bpe", True),
    "llama_bf16": ("llama", Type.BF16, "gpt-2", False),
    "llama_q4_0": ("llama", Type.Q4_0, "gpt-2", True),
    "llama_q4_1": ("llama", Type.Q4_1, "smollm", False),
    "llama_q8_0": ("llama", Type.Q8_0, "gpt-2", False),
    "qwen2_q8_0": ("qwen2", Type.Q8_0, "qwen2", True),
}


def byte_pairs() -> Tokenizer:
    tokenizer = Tokenizer(models.BPE())
    digits = pre_tokenizers.Digits(individual_digits=True)
    tokenizer.pre_tokenizer = pre_tokenizers.Sequence([digits, pre_tokenizers.ByteLevel(add_prefix_space=False)])
    tokenizer.decoder = decoders.ByteLevel()
    alphabet = sorted(pre_tokenizers.ByteLevel.alphabet())
    trainer = trainers.BpeTrainer(vocab_size=288, special_tokens=[END, START], initial_alphabet=alphabet, show_progress=False)
    tokenizer.train_from_iterator(CORPUS, trainer)
    tokenizer.add_tokens([THINK])
    return tokenizer


def merges_of(tokenizer: Tokenizer) -> list[str]:
    return [" ".join(pair) for pair in json.loads(tokenizer.to_str())["model"]["merges"]]


def write_gguf(path: Path, case: tuple, tokenizer: Tokenizer, source: np.random.Generator) -> None:
    architecture, kind, pre, has_head = case
    writer, count = gguf.GGUFWriter(path, architecture), tokenizer.get_vocab_size()
    writer.add_name("small")
    writer.add_block_count(1)
    writer.add_context_length(64)
    writer.add_embedding_length(WIDTH)
    writer.add_feed_forward_length(INNER)
    writer.add_head_count(HEADS)
    writer.add_head_count_kv(SHARED)
    writer.add_layer_norm_rms_eps(1e-5)
    writer.add_rope_freq_base(50000.0)
    if architecture == "llama":
        writer.add_rope_dimension_count(WIDTH // HEADS)
    writer.add_vocab_size(count)
    add_tokenizer(writer, tokenizer, pre)
    for name, values in tensors_of(architecture, count, has_head, source).items():
        stored = kind if values.ndim == 2 else Type.F32
        writer.add_tensor(name, gguf.quantize(values, stored), raw_dtype=stored)
    writer.write_header_to_file()
    writer.write_kv_data_to_file()
    writer.write_tensors_to_file()
    writer.close()


def add_tokenizer(writer: gguf.GGUFWriter, tokenizer: Tokenizer, pre: str) -> None:
    tokens = sorted(tokenizer.get_vocab(), key=tokenizer.get_vocab().get)
    kinds = {END: gguf.TokenType.CONTROL, START: gguf.TokenType.CONTROL, THINK: gguf.TokenType.USER_DEFINED}
    writer.add_tokenizer_model("gpt2")
    writer.add_tokenizer_pre(pre)
    writer.add_token_list(tokens)
    writer.add_token_types([kinds.get(token, gguf.TokenType.NORMAL) for token in tokens])
    writer.add_token_merges(merges_of(tokenizer))
    writer.add_bos_token_id(tokens.index(START))
    writer.add_eos_token_id(tokens.index(END))
    writer.add_add_bos_token(pre == "llama-bpe")


def tensors_of(architecture: str, count: int, has_head: bool, source: np.random.Generator) -> dict[str, np.ndarray]:
    """Drawn under their names in the file; norms are near 1, and one block is all 0."""
    shared = WIDTH // HEADS * SHARED
    matrices = {
        "token_embd": (count, WIDTH),
        "blk.0.attn_q": (WIDTH, WIDTH),
        "blk.0.attn_k": (shared, WIDTH),
        "blk.0.attn_v": (shared, WIDTH),
        "blk.0.attn_output": (WIDTH, WIDTH),
        "blk.0.ffn_gate": (INNER, WIDTH),
        "blk.0.ffn_up": (INNER, WIDTH),
        "blk.0.ffn_down": (WIDTH, INNER),
        **({"output": (count, WIDTH)} if has_head else {}),
    }

    def drawn(shape) -> np.ndarray:
        return source.normal(0, 0.3, shape).astype(np.float32)

    tensors = {f"{name}.weight": drawn(shape) for name, shape in matrices.items()}
    tensors["blk.0.attn_v.weight"][1, :32] = 0
    for name in ["blk.0.attn_norm", "blk.0.ffn_norm", "output_norm"]:
        tensors[f"{name}.weight"] = 1 + drawn(WIDTH)
    if architecture == "qwen2":
        for part, rows in {"q": WIDTH, "k": shared, "v": shared}.items():
            tensors[f"blk.0.attn_{part}.bias"] = drawn(rows)
    return tensors


def digest(values: torch.Tensor) -> str:
    return hashlib.sha256(values.float().contiguous().numpy().tobytes()).hexdigest()


def expected_of(path: Path, pre: str, tokenizer: Tokenizer, source: np.random.Generator) -> tuple[dict, torch.Tensor]:
    found = {"pretrained_model_name_or_path": path.parent, "gguf_file": path.name}
    model = AutoModelForCausalLM.from_pretrained(**found, dtype=torch.float32).eval()
    theirs = AutoTokenizer.from_pretrained(**found)
    ids = [theirs.encode(text, add_special_tokens=False) for text in TEXTS]
    hub = [tokenizer.encode(text, add_special_tokens=False).ids for text in TEXTS]
    rows = source.integers(tokenizer.get_vocab_size(), size=(1, 16)).tolist()
    with torch.no_grad():
        logits = model(torch.tensor(rows)).logits[0, -2:]
    tensors = {name: values for name, values in model.state_dict().items() if name != "lm_head.weight" or not model.config.tie_word_embeddings}
    return {
        "config": {name: getattr(model.config, name) for name in FIELDS},
        "theta": model.config.rope_parameters["rope_theta"],
        "tensors": {name: {"shape": list(values.shape), "sha256": digest(values)} for name, values in tensors.items()},
        "input_ids": rows,
        "ids": hub if pre == "smollm" else ids,
        **({"transformersIds": ids} if pre == "smollm" else {}),
    }, logits


def make(root: Path) -> None:
    tokenizer, folder = byte_pairs(), root / "gguf"
    folder.mkdir(parents=True, exist_ok=True)
    expected, logits = {}, {}
    for place, (name, case) in enumerate(CASES.items()):
        source = np.random.default_rng(SEED + place)
        path = folder / f"{name}.gguf"
        write_gguf(path, case, tokenizer, source)
        expected[name], logits[name] = expected_of(path, case[2], tokenizer, source)
    write_json(folder / "expected.json", {"texts": TEXTS, "files": expected})
    write_tensors(folder / "logits.safetensors", logits)

