"""Greedy and beam continuations by transformers."""

from pathlib import Path

import torch
from transformers import GPT2LMHeadModel, GenerationConfig

from common import generator, load_tiny, tokens, write_json

SEED = 20286
NEW_TOKENS = 12
BEAMS = 4
FILES = {
    "generation.json": "`prompts` {NAME: [ids]} and `cases`: prompt, beams (1 is greedy), lengthPenalty, earlyStopping, "
    "maxNewTokens, eos (null, or the id that ends a sequence), and `sequences`: the continuations without the prompt, "
    "best first, each cut after its eos, with their `scores` for beams",
}
NOTES = {
    "beamScoring": "a beam's running score is the sum of log-softmax over the generated tokens. Each step takes the best "
    "max(2, 1 + number of eos ids) * beams continuations over beams x vocabulary. Of these, one "
    "that ends (eos or maximum length) enters the finished list only if it stands among the first `beams` places, with the "
    "score sum / n ** lengthPenalty, n the number of generated tokens, eos included; the list keeps the best `beams`. "
    "The best `beams` that do not end go on. With earlyStopping false the search stops at the maximum length, or as soon as "
    "the list is full and the best running sum / n ** lengthPenalty (n: tokens so far) is not greater than the worst "
    "finished score. The first step starts from one beam.",
    "greedy": "the highest logit; generation ends after eos or maxNewTokens",
    "generationMargin": "`margin` is the smallest gap that any decision rested on: between the two best logits for greedy, "
    "between neighbours among the kept candidates for beams. All are above 1e-3, so rounding changes no sequence",
}


def make(root: Path) -> None:
    model = load_tiny(root)
    source = generator(SEED)
    prompts = {"short": tokens(source, 1, 3)[0], "long": tokens(source, 1, 11)[0]}
    cases = [
        case
        for name, prompt in prompts.items()
        for beams in (1, BEAMS)
        for case in with_and_without_eos(model, name, prompt, beams)
    ]
    write_json(root / "generation.json", {"prompts": prompts, "cases": cases})


def with_and_without_eos(model: GPT2LMHeadModel, name: str, prompt: list[int], beams: int) -> list[dict]:
    """The eos is a token of the free continuation, so that ending happens."""
    free = describe(model, name, prompt, beams, None)
    eos = free["sequences"][0][NEW_TOKENS // 2]
    return [free, describe(model, name, prompt, beams, eos)]


def describe(model: GPT2LMHeadModel, name: str, prompt: list[int], beams: int, eos: int | None) -> dict:
    result = generate(model, prompt, beams, eos)
    sequences = [cut(row[len(prompt) :].tolist(), eos) for row in result.sequences]
    case = {
        "prompt": name, "beams": beams, "lengthPenalty": 1.0, "earlyStopping": False,
        "maxNewTokens": NEW_TOKENS, "eos": eos, "sequences": sequences,
    }
    if beams == 1:
        return {**case, "margin": greedy_margin(result)}
    scores = result.sequences_scores.tolist()
    finished, margin = beam_search(model, prompt, beams, eos)
    assert [ids for _, ids in finished] == sequences, "the rule in the manifest is not the one of transformers"
    assert all(abs(mine - theirs) < 1e-5 for (mine, _), theirs in zip(finished, scores))
    return {**case, "scores": scores, "margin": margin}


@torch.no_grad()
def beam_search(model: GPT2LMHeadModel, prompt: list[int], beams: int, eos: int | None, penalty: float = 1.0):
    """The scoring rule as the manifest states it, written out: the finished beams and the smallest gap."""
    running, finished, margin = [(0.0, [])], [], float("inf")
    for length in range(1, NEW_TOKENS + 1):
        candidates = sorted(extensions(model, prompt, running), key=lambda one: -one[0])[: 2 * beams + 1]
        margin = min([margin, *(a[0] - b[0] for a, b in zip(candidates, candidates[1:]))])
        ends = [length == NEW_TOKENS or ids[-1] == eos for _, ids in candidates[: 2 * beams]]
        ended = [one for one, end in zip(candidates[:beams], ends) if end]
        finished += [(score / length**penalty, ids) for score, ids in ended]
        finished = sorted(finished, key=lambda one: -one[0])[:beams]
        running = [one for one, end in zip(candidates, ends) if not end][:beams]
        if len(finished) == beams and (not running or running[0][0] / length**penalty <= finished[-1][0]):
            break
    return finished, margin


def extensions(model: GPT2LMHeadModel, prompt: list[int], running: list):
    for score, ids in running:
        logits = model(input_ids=torch.tensor([prompt + ids]), use_cache=False).logits[0, -1]
        for token, log_probability in enumerate(torch.log_softmax(logits, -1).tolist()):
            yield score + log_probability, ids + [token]


@torch.no_grad()
def generate(model: GPT2LMHeadModel, prompt: list[int], beams: int, eos: int | None):
    """transformers fills unset fields from the model's own settings: take its eos away first."""
    model.generation_config.eos_token_id = None
    settings = GenerationConfig(
        max_new_tokens=NEW_TOKENS, do_sample=False, num_beams=beams, num_return_sequences=beams,
        length_penalty=1.0 if beams > 1 else None, early_stopping=False if beams > 1 else None,
        eos_token_id=eos, pad_token_id=0, return_dict_in_generate=True, output_scores=True,
    )
    ids = torch.tensor([prompt])
    return model.generate(ids, attention_mask=torch.ones_like(ids), generation_config=settings)


def cut(row: list[int], eos: int | None) -> list[int]:
    return row[: row.index(eos) + 1] if eos in row else row


def greedy_margin(result) -> float:
    tops = [scores.topk(2).values[0] for scores in result.scores]
    return min((top[0] - top[1]).item() for top in tops)
