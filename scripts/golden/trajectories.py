"""Training runs by PyTorch in the conventions of `lowrank train`: logs, and the tensors at the end."""

from dataclasses import dataclass
from pathlib import Path

import torch
from peft import PeftModel
from transformers import get_cosine_schedule_with_warmup, get_linear_schedule_with_warmup

from adapters import new_adapter, save_adapter
from common import generator, load_tiny, read_json, tokens, write_json, write_tensors

SEED = 20260
SCHEDULES = {"linear": get_linear_schedule_with_warmup, "cosine": get_cosine_schedule_with_warmup}
START = dict(r=4, lora_alpha=8, target_modules=["c_attn", "c_proj", "c_fc"])
FILES = {
    "trajectories/batches.json": "4 batches of 3 x 16 ids, labels = inputs; `train --batches`, taken in turn",
    "trajectories/lora_initial/": "the adapter that the LoRA runs start from, saved by PEFT: r 4, alpha 8 on all linears, "
    "A random, B zero",
    "trajectories/RUN.config.json": "`train --config` of full_linear, lora_linear (25 steps, 5 of warm-up), full_cosine, "
    "lora_cosine (10 steps, 3 of warm-up)",
    "trajectories/RUN.log.json": "loss (before the step's update), gradientNorm (before clipping), learningRate (used by "
    "the step), one entry a step",
    "trajectories/full_linear.final.safetensors": "all tensors of the model after the last step, under the file's keys",
    "trajectories/lora_linear_final/": "the adapter after the last step, saved by PEFT",
    "trajectories/noise.json": "the same runs in float64: greatest difference of the losses and of the norms. What "
    "rounding alone does",
}
NOTES = {
    "training": "one AdamW group (decay on every trainable tensor, biases and LayerNorm too); a step is forward, "
    "backward, clip_grad_norm_, AdamW, schedule. With the warm-up step 0 runs at rate 0, but its gradient enters the "
    "moments. The linear schedule would reach 0 one step after the last.",
    "trajectoryTolerance": "2e-5 on losses",
    "fullKeyBias": "in full_linear.final leave entries 48:96 of each c_attn.bias out: their true gradient is 0, so Adam "
    "moves them by the signs of rounding noise (the loss does not depend on them)",
}


@dataclass
class Run:
    name: str
    learning_rate: float
    steps: int
    warmup: int
    clip: float

    @property
    def method(self) -> str:
        return self.name.split("_")[0]

    @property
    def schedule(self) -> str:
        return self.name.split("_")[1]

    def config(self) -> dict:
        return {
            "steps": self.steps, "learningRate": self.learning_rate, "betas": [0.9, 0.999],
            "epsilon": 1e-8, "weightDecay": 0.1, "schedule": self.schedule,
            "warmupSteps": self.warmup, "clipNorm": self.clip, "method": {"name": self.method},
        }


RUNS = [
    Run("full_linear", 1e-3, 25, 5, 4.0),
    Run("lora_linear", 5e-3, 25, 5, 1.6),
    Run("full_cosine", 1e-3, 10, 3, 4.0),
    Run("lora_cosine", 5e-3, 10, 3, 1.4),
]


def make(root: Path) -> None:
    here, noise = root / "trajectories", {}
    write_json(here / "batches.json", {"batches": make_batches()})
    save_initial(root)
    for run in RUNS:
        model = load(root, run.method)
        log = train(model, read_json(here / "batches.json")["batches"], run.config())
        write_json(here / f"{run.name}.config.json", run.config())
        write_json(here / f"{run.name}.log.json", log)
        if run.schedule == "linear":
            save_final(here, run, model)
        noise[run.name] = noise_of(root, run, log)
    write_json(here / "noise.json", noise)


def make_batches() -> list:
    source = generator(SEED)
    return [tokens(source, 3, 16) for _ in range(4)]


def save_initial(root: Path) -> None:
    torch.manual_seed(SEED + 1)
    save_adapter(new_adapter(root, START), root / "trajectories/lora_initial")


def load(root: Path, method: str) -> torch.nn.Module:
    """In evaluation mode: there is no dropout to switch on."""
    model = load_tiny(root)
    if method == "full":
        return model
    return PeftModel.from_pretrained(model, root / "trajectories/lora_initial", is_trainable=True).eval()


def train(model: torch.nn.Module, batches: list, config: dict) -> dict:
    parameters = [parameter for parameter in model.parameters() if parameter.requires_grad]
    optimizer = torch.optim.AdamW(
        parameters, lr=config["learningRate"], betas=tuple(config["betas"]), eps=config["epsilon"],
        weight_decay=config["weightDecay"],
    )
    schedule = SCHEDULES[config["schedule"]](optimizer, config["warmupSteps"], config["steps"])
    log = {"loss": [], "gradientNorm": [], "learningRate": []}
    for step in range(config["steps"]):
        ids = torch.tensor(batches[step % len(batches)])
        optimizer.zero_grad()
        loss = model(input_ids=ids, labels=ids, use_cache=False).loss
        loss.backward()
        norm = torch.nn.utils.clip_grad_norm_(parameters, config["clipNorm"])
        log["learningRate"].append(schedule.get_last_lr()[0])
        optimizer.step()
        schedule.step()
        log["loss"].append(loss.item())
        log["gradientNorm"].append(norm.item())
    return log


def save_final(here: Path, run: Run, model: torch.nn.Module) -> None:
    if run.method == "lora":
        save_adapter(model, here / f"{run.name}_final")
    else:
        write_tensors(here / f"{run.name}.final.safetensors", dict(model.named_parameters()))


def noise_of(root: Path, run: Run, log: dict) -> dict:
    """Two digits, so that the file does not depend on the last bits."""
    batches = read_json(root / "trajectories/batches.json")["batches"]
    exact = train(load(root, run.method).double(), batches, run.config())
    return {key: float(f"{distance(log[key], exact[key]):.1e}") for key in ("loss", "gradientNorm")}


def distance(one: list[float], other: list[float]) -> float:
    return max(abs(a - b) for a, b in zip(one, other))
