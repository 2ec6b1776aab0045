/** The tensors of an adapter's sites, in one arena. @module */

import { Parameter } from "../../autograd/parameter.ts";
import type { Arena, ArenaEntry } from "../../device/arena.ts";
import { LoraSite } from "./lora_site.ts";
import type { LoraPlan } from "./plan.ts";

/** A tensor's name in PEFT's form; saving joins the sites of one weight under the module's name. */
function nameOf({ site }: LoraPlan, letter: "A" | "B"): string {
  return `base_model.model.${site.name}.lora_${letter}.weight`;
}

/** All A before all B, so that an optimizer with a learning rate for each (LoRA+) finds two ranges. */
export function entriesOf(plans: readonly LoraPlan[]): ArenaEntry[] {
  const entriesOfA = plans.map((plan) => {
    return { name: nameOf(plan, "A"), shape: [plan.rank, plan.site.linear.weight.shape[1]] };
  });
  const entriesOfB = plans.map((plan) => {
    return { name: nameOf(plan, "B"), shape: [plan.site.rows.count, plan.rank] };
  });
  return [...entriesOfA, ...entriesOfB];
}

/** A site with its A and B in the arena, filled. */
export function makeSite(plan: LoraPlan, arena: Arena): LoraSite {
  const [A, B] = (["A", "B"] as const).map((letter) => {
    const name = nameOf(plan, letter);
    return new Parameter(name, arena.view(name));
  });
  arena.device.write(A.tensor, plan.A);
  if (plan.B) arena.device.write(B.tensor, plan.B);
  return new LoraSite(plan.site, A, B, plan);
}
