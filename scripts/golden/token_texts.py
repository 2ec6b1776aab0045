"""Small tokenizers of three kinds, and the texts, ids and end of text that transformers reads from their folders."""

import json
import tempfile
from pathlib import Path

from tokenizers import Tokenizer, decoders, models, normalizers, pre_tokenizers, trainers
from transformers import AutoTokenizer, GenerationConfig

from common import generator, tokens, write_json

SEED = 20289
FILES = {
    "token_texts.json": "`tokenizers`: contents of tokenizer.json by name; `folders`: the name of one, other `files`, "
    "`endOfText` (the tokenizer's eos_token_id; where it has none, the first id at which `generate` would stop), and `cases`: "
    "`ids`, their `text`, and `skipped`, the text without special tokens; `written` is the text that was encoded, null where "
    "the ids are random",
}
END = "<|endoftext|>"
TEXTS = [
    "a , b . it 's do n't",
    "friendly , .Blue ! why ? we 've , they 're , i 'm",
    "the cat ' s hat, a \" mat \" .",
    f"the end {END} the cat .",
    "",
]
CORPUS = ["the cat sat on the mat , and it 's a hat . do n't be friendly ! why ? we 've , they 're , i 'm blue"] * 4


def byte_pairs() -> Tokenizer:
    tokenizer = Tokenizer(models.BPE())
    tokenizer.pre_tokenizer = pre_tokenizers.ByteLevel(add_prefix_space=False)
    tokenizer.decoder = decoders.ByteLevel()
    alphabet = sorted(pre_tokenizers.ByteLevel.alphabet())
    trainer = trainers.BpeTrainer(vocab_size=290, special_tokens=[END], initial_alphabet=alphabet, show_progress=False)
    tokenizer.train_from_iterator(CORPUS, trainer)
    return tokenizer


def word_pieces(cleanup: bool) -> Tokenizer:
    tokenizer = Tokenizer(models.WordPiece(unk_token="[UNK]"))
    tokenizer.normalizer = normalizers.BertNormalizer()
    tokenizer.pre_tokenizer = pre_tokenizers.BertPreTokenizer()
    tokenizer.decoder = decoders.WordPiece(cleanup=cleanup)
    special = ["[PAD]", "[UNK]", "[CLS]", "[SEP]", "[MASK]"]
    trainer = trainers.WordPieceTrainer(vocab_size=80, special_tokens=special, show_progress=False)
    tokenizer.train_from_iterator([*CORPUS, '"'], trainer)
    return tokenizer


def folders() -> list[tuple[str, dict]]:
    """Tokenizers with the settings that published folders have, and those that they leave out."""
    gpt2 = {"model_type": "gpt2", "architectures": ["GPT2LMHeadModel"]}
    plain, clean = {"tokenizer_class": "PreTrainedTokenizerFast"}, {"clean_up_tokenization_spaces": True}
    end = {"content": END, "special": True, "__type": "AddedToken"}
    return [
        # As in GPT-2's own folder; the class is not GPT-2's, which would know its end of text by itself.
        ("bpe", files({"model_max_length": 1024, **plain}, config={**gpt2, "eos_token_id": 0})),
        ("bpe", files(plain, config={**gpt2, "eos_token_id": 0}, generation={"eos_token_id": [7, 0]})),
        ("bpe", files({"model_max_length": 1024}, config={"model_type": "gpt2"})),
        ("bpe", files({**plain, **clean, "eos_token": END}, config={**gpt2, "eos_token_id": 9})),
        ("bpe", files({**plain, "eos_token": end})),
        ("bert", files({"tokenizer_class": "BertTokenizer", "do_lower_case": True})),
        ("bert", files({**plain, **clean})),
        ("bert without cleanup", files(plain)),
        ("bert without cleanup", files({**plain, **clean})),
        ("bert without cleanup", files({**plain, "clean_up_tokenization_spaces": False})),
    ]


def files(tokenizer: dict, config: dict | None = None, generation: dict | None = None) -> dict:
    named = {"tokenizer_config.json": tokenizer, "config.json": config, "generation_config.json": generation}
    return {name: content for name, content in named.items() if content is not None}


def make(root: Path) -> None:
    made = {"bpe": byte_pairs(), "bert": word_pieces(cleanup=True), "bert without cleanup": word_pieces(cleanup=False)}
    contents = {name: json.loads(tokenizer.to_str()) for name, tokenizer in made.items()}
    read = [read_folder(name, contents[name], files) for name, files in folders()]
    write_json(root / "token_texts.json", {"tokenizers": contents, "folders": read})


def read_folder(name: str, tokenizer_json: dict, files: dict) -> dict:
    with tempfile.TemporaryDirectory() as path:
        for file, content in {"tokenizer.json": tokenizer_json, **files}.items():
            (Path(path) / file).write_text(json.dumps(content), encoding="utf-8")
        tokenizer = AutoTokenizer.from_pretrained(path)
        end = tokenizer.eos_token_id if tokenizer.eos_token_id is not None else stop_of(path, files)
    written = [(text, tokenizer.encode(text, add_special_tokens=False)) for text in TEXTS]
    random = [(None, ids) for ids in tokens(generator(SEED), 12, 9, len(tokenizer))]
    cases = [case(tokenizer, *one) for one in written + random]
    return {"tokenizer": name, "files": files, "endOfText": end, "cases": cases}


def stop_of(path: str, files: dict) -> int | None:
    """Where `generate` stops: of several ids, the first."""
    if "generation_config.json" in files:
        ids = GenerationConfig.from_pretrained(path).eos_token_id
    else:
        ids = files.get("config.json", {}).get("eos_token_id")
    return ids[0] if isinstance(ids, list) else ids


def case(tokenizer, written: str | None, ids: list[int]) -> dict:
    text, skipped = tokenizer.decode(ids), tokenizer.decode(ids, skip_special_tokens=True)
    return {"written": written, "ids": ids, "text": text, "skipped": skipped}
