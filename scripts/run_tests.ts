/**
 * Runs the tests of the given tiers and ends with a line of totals: `run_tests.ts core parts`.
 *
 * A file's name says its tier: `*_parts_test.ts`, `*_reference_test.ts`, any other `*_test.ts` is
 * core. The examples in the docs are core too. With `LOWRANK_REQUIRE_PARTS=1` a missing part and a
 * skipped test are failures.
 *
 * @module
 */

import { missingParts } from "../tests/support/parts.ts";
import { existsSync } from "node:fs";
import { root, rootPath, sourceFiles } from "../tests/support/source_files.ts";
import { addTotals, formatTotals, readTotals, type Totals, withFailures } from "./test_totals.ts";

const tiers = ["core", "parts", "reference"];
/** Where the examples are that `--doc` runs. */
const documented = ["README.md", "docs", "mod.ts", "src", "kernels", "experiments"]
  .filter((path) => existsSync(new URL(path, root)));

const tierOf = (path: string): string => /_(parts|reference)_test\.ts$/.exec(path)?.[1] ?? "core";

/** The test files of the tiers, relative to the root. */
export function testFiles(wanted: readonly string[]): string[] {
  const files = sourceFiles(["tests"]).filter((path) => path.endsWith("_test.ts"));
  return files.filter((path) => wanted.includes(tierOf(path)));
}

/** The inner deno is this very binary: under npx there may be no other. */
async function denoTest(args: readonly string[]): Promise<{ code: number; totals: Totals }> {
  // With no files, `deno test` would look for tests of its own accord.
  if (args.length === 0) return { code: 0, totals: { passed: 0, failed: 0, skipped: 0 } };
  const report = await Deno.makeTempFile({ suffix: ".xml" });
  try {
    const { code } = await new Deno.Command(Deno.execPath(), {
      args: ["test", "--allow-all", `--junit-path=${report}`, ...args],
      cwd: rootPath,
      stdin: "null",
    }).spawn().status;
    return { code, totals: readTotals(await Deno.readTextFile(report)) };
  } finally {
    await Deno.remove(report);
  }
}

/** Says in one line each what was left out; returns how many of these count as failures. */
async function reportLeftOut(wanted: readonly string[], skipped: number): Promise<number> {
  const missing = wanted.includes("parts") ? await missingParts() : [];
  for (const { name, remedy } of missing) console.log(`left out: ${name} (${remedy})`);
  if (skipped > 0) {
    console.log(`left out: ${skipped} ${skipped === 1 ? "test" : "tests"}, "ignored" above`);
  }
  return Deno.env.get("LOWRANK_REQUIRE_PARTS") === "1" ? missing.length + skipped : 0;
}

async function main(wanted: readonly string[]): Promise<number> {
  const unknown = wanted.find((tier) => !tiers.includes(tier));
  if (unknown || wanted.length === 0) {
    console.error(`name tiers to run, of ${tiers.join(", ")}; found ${unknown ?? "none"}`);
    return 2;
  }
  // Apart, so that one example that does not compile silences no test.
  const docs = await denoTest(wanted.includes("core") ? ["--doc", ...documented] : []);
  const tests = await denoTest(testFiles(wanted));
  const code = tests.code || docs.code, totals = addTotals(docs.totals, tests.totals);
  const unreported = code !== 0 && totals.failed === 0 ? 1 : 0;
  const leftOut = await reportLeftOut(wanted, totals.skipped);
  const final = withFailures(totals, unreported + leftOut);
  console.log(formatTotals(final));
  return code || (final.failed > 0 ? 1 : 0);
}

if (import.meta.main) Deno.exit(await main(Deno.args));
