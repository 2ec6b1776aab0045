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

/** What a run of `deno test` ended with. */
interface Outcome {
  code: number;
  totals: Totals;
}

/** The inner deno is this very binary: under npx there may be no other. */
async function denoTest(args: readonly string[]): Promise<Outcome> {
  // With no files, `deno test` would look for tests of its own accord.
  if (args.length === 0) return { code: 0, totals: { passed: 0, failed: 0, skipped: 0 } };
  const report = await Deno.makeTempFile({ suffix: ".xml" });
  try {
    const child = new Deno.Command(Deno.execPath(), {
      args: ["test", "--allow-all", `--junit-path=${report}`, ...args],
      cwd: rootPath,
      ...{ stdin: "null", stdout: "piped", stderr: "piped" },
    }).spawn();
    const printed = [child.stdout, child.stderr].map(printLines);
    const [{ code }] = await Promise.all([child.status, ...printed]);
    return { code, totals: readTotals(await Deno.readTextFile(report)) };
  } finally {
    await Deno.remove(report);
  }
}

/** Prints whole lines, so that those of runs beside each other do not mix. */
async function printLines(stream: ReadableStream<Uint8Array<ArrayBuffer>>): Promise<void> {
  let open = "";
  for await (const text of stream.pipeThrough(new TextDecoderStream())) {
    const lines = (open + text).split("\n");
    open = lines.pop()!;
    for (const line of lines) console.log(line);
  }
  if (open) console.log(open);
}

/** The core tests, and the examples of the docs apart: one that does not compile silences no test. */
async function testCore(): Promise<Outcome[]> {
  return [await denoTest(["--doc", ...documented]), await denoTest(testFiles(["core"]))];
}

/** All runs of the tiers. Core tests are mostly one thread, so that other tiers run beside them. */
async function testTiers(wanted: readonly string[]): Promise<Outcome[]> {
  const others = wanted.filter((tier) => tier !== "core");
  const beside = denoTest(testFiles(others));
  return [...wanted.includes("core") ? await testCore() : [], await beside];
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
  const outcomes = await testTiers(wanted);
  const code = outcomes.find(({ code }) => code !== 0)?.code ?? 0;
  const totals = outcomes.map(({ totals }) => totals).reduce(addTotals);
  const unreported = code !== 0 && totals.failed === 0 ? 1 : 0;
  const leftOut = await reportLeftOut(wanted, totals.skipped);
  const final = withFailures(totals, unreported + leftOut);
  console.log(formatTotals(final));
  return code || (final.failed > 0 ? 1 : 0);
}

if (import.meta.main) Deno.exit(await main(Deno.args));
