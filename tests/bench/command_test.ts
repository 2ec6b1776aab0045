/** Arguments that the commands of `bench/` refuse before anything runs; nothing is timed here. */

import {
  assert,
  assertEquals,
  assertRejects,
  assertStringIncludes,
  assertThrows,
} from "@std/assert";
import { countOf, listed, namesIn } from "../../bench/command.ts";
import { parseArguments as cpu } from "../../bench/cpu_kernels.ts";
import { trials } from "../../bench/cpu_trials.ts";
import { parseArguments as bench } from "../../bench/main.ts";
import { parseArguments as scale } from "../../bench/scale.ts";
import { sweeps } from "../../bench/scale/sweeps.ts";
import { summarize, type Summary } from "../../bench/summary.ts";
import { tableOf } from "../../bench/table.ts";
import { workloads } from "../../bench/workloads.ts";
import { rootPath } from "../../scripts/support/source_files.ts";

const ours = "ours cpu 1 thread, ours cpu, ours cpu blas, ours webgpu";

Deno.test("a wrong name is refused with the names that there are", async () => {
  const refusals: [string[], string][] = [
    [["--workloads", "nosuch"], `a workload is one of ${workloads.join(", ")}, found nosuch`],
    [["--profile", "--workloads", "matmul,nosuch"], "found nosuch"],
    [["--profile", "--contenders", "torch"], `a contender with a profile is one of ${ours}, found`],
    [["--contenders", "ours"], "tfjs webgpu, found ours"],
    [["--contenders", ""], 'found ""'],
    [["--contender", "torch"], "there is no option --contender (did you mean --contenders?)"],
    [["--rounds", "0"], "--rounds must be at least 1, found 0"],
    [["--limit", "soon"], "--limit must be a whole number, found soon"],
  ];
  for (const [args, sentence] of refusals) await assertRejects(() => bench(args), Error, sentence);
  await assertRejects(() => scale(["--only", "width,nosuch"]), RangeError, "a sweep is one of");
  await assertRejects(() => scale(["--rounds", "0"]), RangeError, "must be at least 1, found 0");
  await assertRejects(() => scale(["--only", ""]), RangeError, "needs --merge FILE.json");
});

Deno.test("start-up is a part of the whole comparison alone", async () => {
  assert((await bench([])).isWhole);
  const { isWhole, workloads, contenders } = await bench(["--contenders", "ours cpu, torch"]);
  assertEquals([isWhole, workloads.length, contenders.length], [false, 7, 2]);
});

Deno.test("a file to merge must be an earlier result of the command", async () => {
  const path = await Deno.makeTempFile();
  for (const command of [bench, scale]) {
    await assertRejects(
      () => command(["--merge", `${path}.none`]),
      Error,
      `cannot read ${path}.none: No such file or directory`,
    );
    for (const text of ["no JSON", "{}", "null"]) {
      await Deno.writeTextFile(path, text);
      await assertRejects(() => command(["--merge", path]), SyntaxError, "it is not a result of");
    }
  }
  await Deno.writeTextFile(path, '{ "series": [] }');
  assertEquals((await scale(["--merge", path, "--only", ""])).chosen, []);
  await Deno.remove(path);
});

Deno.test("kernels are chosen by parts of their titles", () => {
  assertEquals(cpu([]).chosen, trials);
  const { threads, chosen } = cpu(["1", "attention 8 x 64", "heads on 8"]);
  assertEquals([threads, chosen.map(({ flops }) => flops)], [1, [
    ...[2 * 8 * 4 * 64 ** 2 * 32, 5 * 8 * 4 * 64 ** 2 * 32],
    4 * 32 * 512 * 64,
  ]]);
  const usage = 'usage: bench:cpu [THREADS] [NAME…], found "matmul" for THREADS';
  assertThrows(() => cpu(["matmul"]), RangeError, usage);
  assertThrows(() => cpu(["0"]), RangeError, "THREADS must be at least 1, found 0");
  assertThrows(
    () => cpu(["1", "matmul", "nosuch"]),
    RangeError,
    "a kernel is one of matmul, attention,",
  );
});

Deno.test("counts and names are read as they are written", () => {
  assertEquals(countOf("n", "3"), 3);
  assertThrows(() => countOf("n", "1.5"), RangeError, "n must be a whole number, found 1.5");
  assertThrows(() => countOf("n", ""), RangeError, 'n must be a whole number, found ""');
  assertEquals(namesIn("a letter", ["a", "b"], " b ,a"), ["b", "a"]);
  assertEquals(
    listed(["a".repeat(50), "b".repeat(50)]),
    `  ${"a".repeat(50)},\n  ${"b".repeat(50)}`,
  );
});

Deno.test("a result without start-up is a table without it", () => {
  const result: Summary = {
    ...{ date: "2026-01-01", deno: "2.9.6", note: "", rounds: 1 },
    ...summarize(new Map([["matmul/torch", [{ notRun: "no torch" }]]])),
  };
  const table = tableOf(result);
  assertStringIncludes(table, "0 GB/s copied.\n");
  assertStringIncludes(
    table,
    "| 6. import of mod.ts, ms more than nothing, at most 150 |  | 1 not",
  );
});

const run = async (script: string, ...args: string[]) => {
  const { code, stdout, stderr } = await new Deno.Command(Deno.execPath(), {
    args: ["run", "-A", "--no-check", `bench/${script}.ts`, ...args],
    cwd: rootPath,
  }).output();
  return [code, ...[stdout, stderr].map((bytes) => new TextDecoder().decode(bytes))] as const;
};

Deno.test("--help lists names, and an error is one line", async () => {
  const helps = await Promise.all(
    ["main", "scale", "cpu_kernels", "real_models"].map((script) => run(script, "--help")),
  );
  const names = [workloads, sweeps.map(({ name }) => name), ["matmul", "adamw"], ["torch sdpa"]];
  for (const [i, [code, stdout, stderr]] of helps.entries()) {
    assertEquals([code, stderr], [0, ""]);
    for (const name of names[i]) assertStringIncludes(stdout, name);
  }
  const errors = await Promise.all([run("scale", "--rounds", "0"), run("real_models", "0")]);
  assertEquals(errors, [
    [1, "", "error: --rounds must be at least 1, found 0\n"],
    [1, "", "error: ROUNDS must be at least 1, found 0\n"],
  ]);
});
