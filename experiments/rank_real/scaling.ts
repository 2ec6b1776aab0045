/** Intruder dimensions scaled down beside a control: what is left of the task's gain, and of what was forgotten. @module */

import { injectUpdates, type LowRankUpdate } from "../../src/adapt/mod.ts";
import { Random } from "../../src/core/random.ts";
import type { Device } from "../../src/device/device.ts";
import { openBaseWeights } from "../../src/inspect/mod.ts";
import { denseOf } from "../../src/linalg/mod.ts";
import type { JsonRecord } from "../../src/runs/mod.ts";
import { divide, heldByIntruders, scaledPart, type Scaling, scalings } from "../intruders.ts";
import { openBase } from "../methods/e2e/runs.ts";
import { methodOf } from "./plan.ts";
import { measureLosses } from "./runs.ts";
import type { RealTask } from "./task.ts";

/** Ranks of q and v whose intruders are scaled. */
export const scaledKeys: readonly string[] = ["qv-1", "qv-8"];

/** The losses of an adapter with a part of its ΔW scaled. */
export interface ScaledRow extends Scaling {
  /** `qv-1`. */
  readonly key: string;
  /** Seed of its data. */
  readonly seed: number;
  /** The part's share of ‖ΔW‖², summed over the modules: that of the control is the intruders'. */
  readonly held: number;
  /** Held-out loss in nats per token. */
  readonly value: number;
  /** Loss on the base's own texts. */
  readonly own: number;
  /** Loss on a novel. */
  readonly novel: number;
  /** Commit, device and date of the measurement. */
  readonly source?: string;
}

/** The losses of a measurement, as rows name them. */
const lossesIn = (
  { loss, own, novel }: JsonRecord,
): Pick<ScaledRow, "value" | "own" | "novel"> => ({
  ...{ value: loss as number, own: own as number, novel: novel as number },
});

/** The base's losses with some updates. */
async function lossesWith(
  updates: readonly LowRankUpdate[],
  task: RealTask,
  device: Device,
): Promise<Pick<ScaledRow, "value" | "own" | "novel">> {
  using model = await openBase(device, task.heldOut);
  using _ = injectUpdates(model, updates);
  return lossesIn(await measureLosses(model, task));
}

/**
 * An adapter as it is, with its intruders scaled by every share, and with the control taken out.
 *
 * @param metrics Those of its run.
 */
export async function scaleAdapter(
  { key, seed, metrics }: Pick<ScaledRow, "key" | "seed"> & { readonly metrics: JsonRecord },
  updates: readonly LowRankUpdate[],
  task: RealTask,
  device: Device,
): Promise<ScaledRow[]> {
  using weights = await openBaseWeights(task.heldOut.base);
  const random = new Random(methodOf(key).starts + 50 + seed); // No run starts with it.
  const all = await Promise.all(
    updates.map(async (update, place) =>
      divide(update, denseOf(await weights.weightOf(update)), random.split(place))
    ),
  );
  const held = heldByIntruders(all);
  const rows: ScaledRow[] = [{
    ...{ key, seed, part: "intruders", share: 1, held },
    ...lossesIn(metrics),
  }];
  for (const scaling of scalings) {
    const scaled = all.map((own) => scaledPart(own, scaling));
    rows.push({ key, seed, ...scaling, held, ...await lossesWith(scaled, task, device) });
  }
  return rows;
}
