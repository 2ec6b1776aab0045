/** Many inputs of one kind, and what came of them. @module */

import fc from "npm:fast-check@4.10.2";
import { judge } from "./judge.ts";
import type { Files, Kind } from "./kind.ts";

/** Results of a kind's inputs. */
export interface Report {
  readonly kind: string;
  readonly accepted: number;
  readonly refused: number;
  /** The most CPU time that an input took. */
  readonly slowestMs: number;
  /** Resident memory at the start and after each tenth of the inputs, or each 1,000 if that is more. */
  readonly megabytes: readonly number[];
  /** The smallest input found that the package does not deal with as it should. */
  readonly find?: { readonly reason: string; readonly files: Files };
}

/** Number of inputs and their seed. */
export interface Plan {
  readonly runs: number;
  readonly seed: number;
}

/**
 * Tries inputs until one is not dealt with as it should be, and makes that one small.
 *
 * @param onInput Is called before each, which it can write down in case that the process does not survive it.
 */
export async function fuzz(
  kind: Kind,
  { runs, seed }: Plan,
  onInput?: (files: Files) => void,
): Promise<Report> {
  let accepted = 0, refused = 0, slowestMs = 0;
  const megabytes = [await residentMegabytes()];
  const property = fc.asyncProperty(kind.inputs, async (files) => {
    onInput?.(files);
    const { refusal, ms } = await judge(kind, files);
    refusal === undefined ? accepted++ : refused++;
    slowestMs = Math.max(slowestMs, ms);
    const tenth = Math.max(1000, Math.floor(runs / 10));
    if ((accepted + refused) % tenth === 0) megabytes.push(await residentMegabytes());
  });
  const details = await fc.check(property, { numRuns: runs, seed });
  const counted = { kind: kind.name, accepted, refused, slowestMs, megabytes };
  if (!details.failed) return counted;
  const reason = (details.errorInstance as Error).message;
  return { ...counted, find: { reason, files: details.counterexample![0] } };
}

/**
 * Resident memory without garbage, if the process may collect it. What waits for a finalizer, as the
 * platform's files do, needs turns of the event loop.
 */
async function residentMegabytes(): Promise<number> {
  const { gc } = globalThis as { gc?: () => void };
  for (let turn = 0; turn < 3; turn++) {
    gc?.();
    await new Promise((resolve) => setTimeout(resolve));
  }
  return Math.round(Deno.memoryUsage().rss / 2 ** 20);
}
