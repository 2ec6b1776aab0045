/**
 * The checks that run no test: format, lint, types, docs of every export. Runs all of them, so that
 * one push shows every complaint.
 *
 * @module
 */

import { root, rootPath } from "../tests/support/source_files.ts";

const { exports } = JSON.parse(await Deno.readTextFile(new URL("deno.json", root)));

const checks = [
  ["fmt", "--check"],
  ["lint"],
  ["check", "--quiet"],
  ["doc", "--lint", ...Object.values<string>(exports)],
];

async function passes(args: readonly string[]): Promise<boolean> {
  const command = new Deno.Command(Deno.execPath(), { args: [...args], cwd: rootPath });
  const { success } = await command.spawn().status;
  console.log(`${success ? "ok" : "FAILED"}: deno ${args.slice(0, 2).join(" ")}`);
  return success;
}

let ok = true;
for (const check of checks) ok = await passes(check) && ok;
Deno.exit(ok ? 0 : 1);
