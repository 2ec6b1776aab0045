"""Single operations and their derivatives on small inputs."""

from pathlib import Path

import torch
import torch.nn.functional as F
from transformers.activations import ACT2FN

from common import IGNORED, generator, normal, write_tensors

SEED = 20252
FILES = {
    "ops.safetensors": "cross_entropy.{logits (5, 7), targets I32 (5, one is -100), loss, grad, smoothed_loss, "
    "smoothed_grad}: the mean over counted rows, smoothing 0.1; gelu.{x, y, dy, dx} is gelu_new; "
    "layer_norm.{x (3, 10), weight, bias, y, dy, dx, dweight, dbias} with epsilon 1e-5; "
    "adamw.{start, grads (4, 6), steps (4, 6)}: rate 0.01, betas .9 .999, epsilon 1e-8, decay 0.1",
}
NOTES = {
    "labelSmoothing": "torch.nn.functional.cross_entropy(label_smoothing=0.1): (1 - 0.1) times the log loss plus "
    "0.1 / classes times the sum of -log p over all classes, both meaned over rows that are not ignored",
}


def make(root: Path) -> None:
    source = generator(SEED)
    tensors = {**cross_entropy(source), **gelu(source), **layer_norm(source), **adamw(source)}
    write_tensors(root / "ops.safetensors", tensors)


def cross_entropy(source: torch.Generator) -> dict:
    logits = normal(source, 5, 7, std=2.0).requires_grad_()
    targets = torch.tensor([3, 0, IGNORED, 6, 2])
    plain = F.cross_entropy(logits, targets, ignore_index=IGNORED)
    smooth = F.cross_entropy(logits, targets, ignore_index=IGNORED, label_smoothing=0.1)
    return named(
        "cross_entropy",
        logits=logits, targets=targets.to(torch.int32),
        loss=plain, grad=torch.autograd.grad(plain, logits)[0],
        smoothed_loss=smooth, smoothed_grad=torch.autograd.grad(smooth, logits)[0],
    )


def gelu(source: torch.Generator) -> dict:
    x = torch.cat([torch.linspace(-6, 6, 25), normal(source, 8, std=2.0)]).requires_grad_()
    y, dy = ACT2FN["gelu_new"](x), normal(source, 33)
    return named("gelu", x=x, y=y, dy=dy, dx=torch.autograd.grad(y, x, dy)[0])


def layer_norm(source: torch.Generator) -> dict:
    x, dy = (normal(source, 3, 10, std=2.0) + 1).requires_grad_(), normal(source, 3, 10)
    weight, bias = (normal(source, 10) + 1).requires_grad_(), normal(source, 10).requires_grad_()
    y = F.layer_norm(x, (10,), weight, bias, 1e-5)
    dx, dweight, dbias = torch.autograd.grad(y, [x, weight, bias], dy)
    return named("layer_norm", x=x, weight=weight, bias=bias, y=y, dy=dy, dx=dx, dweight=dweight, dbias=dbias)


def adamw(source: torch.Generator) -> dict:
    start, grads = normal(source, 6), normal(source, 4, 6)
    parameter, steps = torch.nn.Parameter(start.clone()), []
    optimizer = torch.optim.AdamW([parameter], lr=0.01, betas=(0.9, 0.999), eps=1e-8, weight_decay=0.1)
    for row in grads:
        parameter.grad = row.clone()
        optimizer.step()
        steps.append(parameter.detach().clone())
    return named("adamw", start=start, grads=grads, steps=torch.stack(steps))


def named(operation: str, **tensors: torch.Tensor) -> dict[str, torch.Tensor]:
    return {f"{operation}.{name}": tensor for name, tensor in tensors.items()}
