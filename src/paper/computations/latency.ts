/** Table 1: the latency that adapters add to a forward pass. @module */

import { byFormula, type Computations } from "../computation.ts";
import { shapeOf } from "../models.ts";
import { measured } from "../printed/mod.ts";

const shape = shapeOf("gpt2-medium");

/** Bottleneck widths of the printed sizes, which the paper does not state, and how they were inferred. */
const small = { L: [8, "(9 also rounds to it)"], H: [5, ""] } as const;
const wide = { L: [224, "as in Table 3"], H: [112, "as in Table 3"] } as const;
const grid = { "32 × 512": small, "16 × 256": wide, "1 × 128": wide } as const;

/** The slowdown by an adapter, from the printed times. */
function slowdown(size: string, adapter: string): Computations[string] {
  const ms = (row: string) => Number(measured("table1", row, `${size}, ms`));
  return byFormula("slowdownPercent", { t_0: ms("FT or LoRA"), t: ms(adapter) });
}

/** Sizes of adapters, and the time that they add. */
export const latency: Computations = Object.fromEntries(
  Object.entries(grid).flatMap(([size, widths]) =>
    (["L", "H"] as const).flatMap((kind) => {
      const adapter = `Adapter ${kind}`, [r, why] = widths[kind];
      const inferred = `r = ${r} ${why}`.trimEnd();
      return [
        [
          `${adapter}: ${size}, adapter parameters`,
          byFormula(`adapter${kind}Parameters`, { ...shape, r }, { inferred }),
        ],
        [`${adapter}: ${size}, slow-down`, slowdown(size, adapter)],
      ];
    })
  ),
);
