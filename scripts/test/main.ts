/**
 * Runs tests in as many processes as there are cores, and ends with a line of totals.
 *
 * `--tiers core,parts` names the tiers, words are folders or files: `deno task test adapt train`,
 * `deno task test tests/core/json_test.ts`. `--changed [REV]` runs what files changed since a revision
 * reach by imports, the nearest first, and begins nothing after `--within SECONDS`; `--times FILE` keeps
 * the seconds of every file.
 * With `LOWRANK_REQUIRE_PARTS=1` a missing part and a skipped test are failures.
 *
 * @module
 */

import { missingParts, tiersVariable } from "../support/parts.ts";
import { type Job, takeBatch, testFiles, tiers } from "./jobs.ts";
import { readRequest, type Request } from "./request.ts";
import { countTests, formatTotals } from "./junit.ts";
import { type Outcome, runBatch } from "./process.ts";
import { fileSeconds, summary } from "./summary.ts";

/** Runs jobs in as many processes as there are cores, for so many seconds; the rest stays in the queue. */
async function runAll(queue: Job[], within: number): Promise<Outcome[]> {
  const processes = navigator.hardwareConcurrency, outcomes: Outcome[] = [];
  const end = performance.now() + 1000 * within, most = within / 10;
  const work = async () => {
    while (queue.length > 0 && performance.now() < end) {
      const outcome = await runBatch(takeBatch(queue, processes, Math.min(60, most)));
      outcomes.push(outcome);
      print(outcome);
    }
  };
  await Promise.all(Array.from({ length: processes }, work));
  return outcomes;
}

/** One line for each file of a batch that passed; of one that did not, all that its process printed. */
function print({ batch, tests, failures, output, files }: Outcome): void {
  const failed = failures.length > 0 || tests.some(({ outcome }) => outcome === "failed");
  if (failed) return console.log([output, ...failures].join("\n"));
  for (const { path, examples } of batch) {
    const seconds = files[path]?.toFixed(1) ?? "no";
    console.log(`ok ${path}${examples ? " (examples)" : ""}: ${seconds} s`);
  }
}

/** Says in one line each what was not run; returns how many of these count as failures. */
async function reportLeftOut(
  { wanted, whole }: Request,
  left: readonly Job[],
  skipped: number,
): Promise<number> {
  for (const tier of tiers.filter((tier) => whole && !wanted.includes(tier))) {
    console.log(`not run: ${tier}, ${testFiles([tier]).length} files (deno task test:${tier})`);
  }
  if (left.length > 0) {
    console.log(`not run: ${left.length} files that the change reaches as well (without --within)`);
  }
  const missing = wanted.includes("parts") ? await missingParts() : [];
  for (const { name, remedy } of missing) console.log(`left out: ${name} (${remedy})`);
  if (skipped > 0) console.log(`left out: ${skipped} ${skipped === 1 ? "test" : "tests"}, ignored`);
  return Deno.env.get("LOWRANK_REQUIRE_PARTS") === "1" ? missing.length + skipped : 0;
}

async function main(words: readonly string[]): Promise<number> {
  const request = readRequest(words), { wanted, jobs, within, times } = request;
  Deno.env.set(tiersVariable, wanted.join(","));
  const started = performance.now(), seconds = jobs.reduce((sum, { seconds }) => sum + seconds, 0);
  console.log(
    `${jobs.length} files of tests, about ${
      (seconds / navigator.hardwareConcurrency).toFixed(0)
    } s`,
  );
  const queue = [...jobs], outcomes = await runAll(queue, within);
  console.log(summary(outcomes, (performance.now() - started) / 1000));
  if (times) await Deno.writeTextFile(times, JSON.stringify(fileSeconds(outcomes), null, 2) + "\n");
  const totals = countTests(outcomes.flatMap(({ tests }) => tests));
  const unreported = outcomes.flatMap(({ failures }) => failures);
  const leftOut = await reportLeftOut(request, queue, totals.skipped);
  const failed = totals.failed + unreported.length + leftOut;
  console.log(formatTotals({ ...totals, failed }));
  return failed > 0 ? 1 : 0;
}

if (import.meta.main) {
  try {
    Deno.exit(await main(Deno.args));
  } catch (error) {
    if (!(error instanceof RangeError)) throw error;
    console.error(error.message);
    Deno.exit(2);
  }
}
