/** How to cite this program and the paper; a test compares this with `CITATION.cff`. @module */

import { version } from "./version.ts";

/** Both as BibTeX. */
export const bibtex: string = `@software{lowrank,
  title   = {Lowrank: a Deno toolkit for low-rank adaptation},
  author  = {{The Lowrank authors}},
  version = {${version}},
  license = {Apache-2.0}
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
