/** Methods of `methods-budget`: a budget on several matrices, q and v at several ranks. @module */

import type { SiteRole } from "../../../src/core/update.ts";
import type { MethodSize, StudiedMethod } from "../methods.ts";
import { lora, loraSize, skillMethods } from "../skills/methods.ts";

/** LoRA on some matrices at one rank, as a method of its own. */
function placed(sites: readonly SiteRole[], size: MethodSize): StudiedMethod {
  const rank = size.size.slice("r = ".length), label = `LoRA on ${sites.join(", ")}`;
  return {
    ...{ key: `${sites.join("")}-${rank}`, label, family: "LoRA", prior: 1e-2 },
    sizes: [size],
  };
}

/** One of 6,144 trained values. */
const within = (sites: readonly SiteRole[], rank: number) => placed(sites, loraSize(sites, rank));

/** The paper's choice, which all rows are compared with. */
export const reference = within(["q", "v"], 4);

/** Table 5: one budget on one, two or four matrices of a layer. */
export const placements: readonly StudiedMethod[] = [
  ...(["q", "k", "v", "o"] as const).map((site) => within([site], 8)),
  within(["q", "k"], 4),
  reference,
  within(["q", "k", "v", "o"], 2),
];

const { sizes } = skillMethods.find(({ key }) => key === lora)!;

/** Tables 6, 15 and 18: q and v at several ranks, whose runs are those of `methods`. */
export const ranksOfQueryAndValue: readonly StudiedMethod[] = sizes
  .map((size) => placed(["q", "v"], size));

/** Every row once. */
export const budgetMethods: readonly StudiedMethod[] = [
  ...new Map([...placements, ...ranksOfQueryAndValue].map((method) => [method.key, method]))
    .values(),
];
