/** This program: its version, and how to cite it and the paper. @module */

/**
 * The version of `deno.json`, which `deno pack` leaves out of the package, so that it cannot be imported.
 * A test compares the two, and `CITATION.cff`.
 */
export const version = "0.2.0";

/**
 * The citations of this program and of the paper as BibTeX, with the commit of the program where it
 * is known.
 */
export function bibtex(commit?: string): string {
  const made = commit === undefined ? "" : `,\n  note    = {Commit ${commit}}`;
  return `@software{lowrank,
  title   = {Lowrank: a Deno toolkit for low-rank adaptation},
  author  = {{The Lowrank authors}},
  version = {${version}},
  year    = {2026},
  license = {Apache-2.0}${made}
}

@inproceedings{hu2022lora,
  title     = {{LoRA}: Low-Rank Adaptation of Large Language Models},
  author    = {Hu, Edward J. and Shen, Yelong and Wallis, Phillip and Allen-Zhu, Zeyuan and
               Li, Yuanzhi and Wang, Shean and Wang, Lu and Chen, Weizhu},
  booktitle = {International Conference on Learning Representations},
  year      = {2022},
  url       = {https://arxiv.org/abs/2106.09685}
}
`;
}
