/**
 * Runs commands one after another as `cli.ts` does, tries afterwards what takes a permission, and prints the exit
 * codes, which commands did not give up FFI when their device was open, and what was allowed:
 * `escape.ts FILE ADDRESS COMMANDS`, which are a list of lists of words in JSON.
 *
 * @module
 */

import { keepNeeded, main } from "../../src/cli/program.ts";

const [file, address, commands] = Deno.args, codes: number[] = [], holdFfi: string[] = [];
for (const command of JSON.parse(commands)) {
  let holds = false;
  const code = await main(command, async (...called) => {
    const opened = await keepNeeded(...called);
    holds = opened !== undefined;
    return opened && (() => (opened(), holds = false));
  });
  codes.push(code);
  if (holds) holdFfi.push(command[0]);
}

const attempts: Readonly<Record<string, () => unknown>> = {
  read: () => Deno.readTextFileSync(file),
  write: () => Deno.writeTextFileSync(file, "escaped"),
  net: async () => await (await fetch(address)).body?.cancel(),
  ffi: () => Deno.dlopen(file, {}),
  run: () => new Deno.Command(Deno.execPath(), { args: ["--version"] }).outputSync(),
  sys: () => Deno.hostname(),
  token: () => readVariable("HF_TOKEN"),
  env: () => readVariable("PATH"),
};

function readVariable(name: string): void {
  if (Deno.env.get(name) === undefined) throw new Deno.errors.NotCapable("the value is hidden");
}

/** True if an attempt is allowed; one may be and fail all the same, such as opening a text as a library. */
async function isAllowed(attempt: () => unknown): Promise<boolean> {
  try {
    await attempt();
  } catch (error) {
    return !(error instanceof Deno.errors.NotCapable);
  }
  return true;
}

const allowed: string[] = [];
for (const [name, attempt] of Object.entries(attempts)) {
  if (await isAllowed(attempt)) allowed.push(name);
}
console.log(JSON.stringify({ codes, holdFfi, allowed }));
