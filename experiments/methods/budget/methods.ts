/** What `methods-budget` trains: one budget on different matrices, and q and v at different ranks. @module */

import type { SiteRole } from "../../../src/core/update.ts";
import { alpha } from "../../adaptation/methods.ts";
import type { StudiedMethod } from "../methods.ts";

/** LoRA on some matrices at one rank, as a method with a rate of its own. */
function placed(sites: readonly SiteRole[], rank: number): StudiedMethod {
  const size = `r = ${rank}`, label = `LoRA on ${sites.join(", ")}`;
  const spec = { kind: "lora", rank, alpha, sites } as const;
  return {
    ...{ key: `${sites.join("")}-${rank}`, label, family: "LoRA", prior: 1e-2 },
    sizes: [{ size, spec }],
  };
}

/** The paper's choice, which all rows are compared with. */
export const reference = placed(["q", "v"], 4);

/** Table 5: 8,192 trained values on one, two or four matrices of a layer. */
export const placements: readonly StudiedMethod[] = [
  ...(["q", "k", "v", "o"] as const).map((site) => placed([site], 8)),
  placed(["q", "k"], 4),
  reference,
  placed(["q", "k", "v", "o"], 2),
];

/** Tables 6, 15 and 18: q and v at several ranks; r = 4 is among the placements. */
export const ranksOfQueryAndValue: readonly StudiedMethod[] = [1, 4, 16, 64].map((rank) =>
  placed(["q", "v"], rank)
);

/** Every row once. */
export const budgetMethods: readonly StudiedMethod[] = [
  ...new Map([...placements, ...ranksOfQueryAndValue].map((method) => [method.key, method]))
    .values(),
];
