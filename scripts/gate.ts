/**
 * The checks that run no test: types, format, lint, docs of every export. Runs all of them, so that
 * one push shows every complaint. Types of documentation examples are checked here as well, and
 * nowhere else: the tests run without a type check.
 *
 * @module
 */

import { filesUnder, root, rootPath } from "./support/source_files.ts";
import { documented } from "./test/jobs.ts";

const { exports } = JSON.parse(await Deno.readTextFile(new URL("deno.json", root)));

/** Markdown has to be named file by file. */
const examples = documented().flatMap((path) =>
  filesUnder(path).filter((file) => /(?<!\.as)\.ts$|\.md$/.test(file))
);

/** Checks that run one after the other; the lanes run beside each other. */
const lanes = [
  [["check", "--quiet"], ["check", "--quiet", "--doc-only", ...examples]],
  [["fmt", "--check"], ["lint"], ["doc", "--lint", ...Object.values<string>(exports)]],
];

async function passes(args: readonly string[]): Promise<boolean> {
  const command = new Deno.Command(Deno.execPath(), { args: [...args], cwd: rootPath });
  const started = performance.now();
  const { success, stdout, stderr } = await command.output();
  for (const text of [stdout, stderr]) if (!success) console.log(new TextDecoder().decode(text));
  const seconds = ((performance.now() - started) / 1000).toFixed(0);
  console.log(`${success ? "ok" : "FAILED"}: deno ${args.slice(0, 3).join(" ")} (${seconds} s)`);
  return success;
}

const passed = await Promise.all(lanes.map(async (lane) => {
  let ok = true;
  for (const args of lane) ok = await passes(args) && ok;
  return ok;
}));
Deno.exit(passed.every(Boolean) ? 0 : 1);
