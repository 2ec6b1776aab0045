"""PyTorch's side of `bench/linalg.ts`, in float64: `pytorch_linalg.py THREADS` prints one line of JSON."""

import json
import sys
import time

import torch

from pytorch import values


def matrix(seed, rows, columns):
    return values(seed, (rows, columns)).double()


def core(a, b):
    q_b, r_b = torch.linalg.qr(b.double())
    q_a, r_a = torch.linalg.qr(a.double().T)
    return q_b, r_b @ r_a.T, q_a


def with_vectors(a, b):
    q_b, product, q_a = core(a, b)
    u, s, vh = torch.linalg.svd(product, full_matrices=False)
    q_b @ u, q_a @ vh.T
    return s.sum()


def phi(one, two):
    first, second = (torch.linalg.svd(m, full_matrices=False)[2] for m in (one, two))
    squares = (first @ second.T) ** 2
    sizes = torch.arange(1, 65)
    return (squares.cumsum(0).cumsum(1) / torch.minimum(sizes[:, None], sizes))[63, 63]


def cases():
    large = values(1, (64, 4096)), values(2, (4096, 64))
    small = values(1, (8, 768)), values(2, (768, 8))
    square, little, wide = matrix(3, 768, 768), matrix(3, 64, 64), [matrix(seed, 64, 12288) for seed in (4, 5)]
    even = square + square.T
    return {
        "spectrum of 768 x 768, rank 8": lambda: torch.linalg.svdvals(core(*small)[1]).sum(),
        "spectrum of 4096 x 4096, rank 64": lambda: torch.linalg.svdvals(core(*large)[1]).sum(),
        "the same with vectors": lambda: with_vectors(*large),
        "svd of 64 x 64": lambda: torch.linalg.svd(little, full_matrices=False)[1].sum(),
        "svd of 768 x 768": lambda: torch.linalg.svd(square, full_matrices=False)[1].sum(),
        "its values alone": lambda: torch.linalg.svdvals(square).sum(),
        "eigenvectors of symmetric 768 x 768": lambda: torch.linalg.eigh(even)[0].max(),
        "φ of 64 x 64, d = 12288": lambda: phi(*wide),
    }


def measure(work):
    def clock():
        start = time.perf_counter()
        check = work().item()
        return 1000 * (time.perf_counter() - start), check

    first, check = clock()
    times, end = [first] if first >= 1000 else [], time.perf_counter() + 1
    while first < 1000 and time.perf_counter() < end:
        times.append(clock()[0])
    return dict(least=min(times), median=sorted(times)[len(times) // 2], check=check)


if __name__ == "__main__":
    threads = int(sys.argv[1])
    torch.set_num_threads(threads)
    found = {name: measure(work) for name, work in cases().items()}
    plural = "" if threads == 1 else "s"
    print(json.dumps(dict(name=f"PyTorch {torch.__version__}, {threads} thread{plural}", cases=found)))
