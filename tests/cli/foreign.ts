/**
 * Begins a command that opens a device as `cli.ts` does, or the main job with the given options, and prints whether a
 * library of C may be opened before the device is open, and after; and which programs may be started.
 *
 * @module
 */

import { keepNeeded as keepForJob } from "../../experiments/frame/permissions.ts";
import { parseReproduceArgs } from "../../experiments/main.ts";
import type { ReproduceOptions } from "../../experiments/frame/reproduce.ts";
import { keepNeeded } from "../../src/cli/program.ts";
import { opener } from "../../experiments/frame/open_in_browser.ts";
import { openDevice } from "../../src/device/mod.ts";

function mayOpen(): boolean {
  try {
    Deno.dlopen("libc.so.6", {}).close();
  } catch (error) {
    return !(error instanceof Deno.errors.NotCapable);
  }
  return true;
}

const [task, ...args] = Deno.args;
const opened = task === "reproduce"
  ? keepForJob(parseReproduceArgs(args) as ReproduceOptions)
  : await keepNeeded("generate", {});
const before = mayOpen();
using _ = await openDevice({ kind: "cpu", threads: 2 });
opened?.();
const programs = { deno: Deno.execPath(), opener, sh: "sh" };
const starts = Object.entries(programs).filter(([, command]) =>
  Deno.permissions.querySync({ name: "run", command }).state === "granted"
).map(([name]) => name);
console.log(JSON.stringify({ libraries: [before, mayOpen()], starts }));
