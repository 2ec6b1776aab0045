/**
 * Profiles our steps: `ours_profile.ts VARIANT WORKLOAD` prints a profile of each case as JSON.
 *
 * @module
 */

import { profile, profileFigure, profileTable } from "../../src/inspect/mod.ts";
import type { Profiled } from "../profile.ts";
import type { Workload } from "../workloads.ts";
import { casesOf } from "./ours.ts";
import { openVariant } from "./ours_models.ts";

const [variant, workload] = Deno.args as [string, Workload];
/** Number of rounds that V8 needs to compile the kernels with care; shaders are compiled once. */
const rounds = variant === "webgpu" ? 15 : 60;

using device = await openVariant(variant);
const cases: Profiled["cases"][number][] = [];
for (const { name, step } of casesOf(device, workload)) {
  const found = await profile(device, step, { rounds });
  cases.push({ name, table: profileTable(found), figure: profileFigure(found) });
}
console.log(JSON.stringify({ rounds, cases } satisfies Profiled));
