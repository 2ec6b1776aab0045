import { assert, assertEquals, assertMatch, assertThrows } from "@std/assert";
import { type Batch, type Job, nearest, takeBatch, tiers } from "../scripts/test/jobs.ts";
import { countTests, formatTotals, readTests } from "../scripts/test/junit.ts";
import { runBatch, watch } from "../scripts/test/process.ts";
import { readRequest } from "../scripts/test/request.ts";
import { reachedBy } from "../scripts/test/changed.ts";
import { Graph } from "../scripts/test/graph.ts";
import { rootPath, sourceFiles, sourceText } from "../scripts/support/source_files.ts";
import { relative } from "node:path";

const report = `<?xml version="1.0" encoding="UTF-8"?>
<testsuites name="deno test" tests="4" failures="1" errors="0" time="0.071">
  <testsuite name="./tests/a_test.ts" tests="3" disabled="1" errors="0" failures="1">
    <testcase name="a &lt;&amp;&quot; b" classname="./tests/a_test.ts" time="1.250" line="1" col="6">
      <failure message="1 test step failed">1 test step failed.</failure>
    </testcase>
    <testcase name="left out" classname="./tests/a_test.ts" time="0.000" line="2" col="6">
      <skipped/>
    </testcase>
  </testsuite>
  <testsuite name="./src/storage/files.ts#76-81.ts" tests="1" disabled="0" errors="0" failures="0">
    <testcase name="x" classname="./src/storage/files.ts#76-81.ts" time="0.004" line="2" col="6">
    </testcase>
  </testsuite>
</testsuites>`;

Deno.test("a report gives each test's file, name, seconds and outcome", () => {
  assertEquals(readTests(report), [
    { file: "tests/a_test.ts", name: 'a <&" b', seconds: 1.25, outcome: "failed" },
    { file: "tests/a_test.ts", name: "left out", seconds: 0, outcome: "skipped" },
    { file: "src/storage/files.ts", name: "x", seconds: 0.004, outcome: "passed" },
  ]);
});

Deno.test("totals leave skipped tests out of the passed ones", () => {
  const totals = countTests(readTests(report));
  assertEquals(totals, { passed: 1, failed: 1, skipped: 1 });
  assertEquals(formatTotals(totals), "1 passed, 1 failed");
});

Deno.test("a text without suites is no report", () => {
  assertThrows(() => readTests(""), SyntaxError, "no <testsuites>");
});

const job = (path: string, seconds: number, examples = false): Job => ({
  path,
  seconds,
  examples,
});

Deno.test("every job is dealt once, examples apart, and the last batches are short", () => {
  const jobs = [90, 40, 30, ...Array(60).fill(3)].map((seconds, place) =>
    job(`${place}_test.ts`, seconds, place % 7 === 3)
  );
  const queue = [...jobs], batches: Batch[] = [];
  while (queue.length > 0) batches.push(takeBatch(queue, 2));
  assertEquals(batches.flat().length, jobs.length);
  assertEquals(new Set(batches.flat()), new Set(jobs));
  assertEquals(
    batches.filter((batch) => new Set(batch.map(({ examples }) => examples)).size > 1),
    [],
  );
  const seconds = batches.map((batch) => batch.reduce((sum, { seconds }) => sum + seconds, 0));
  assertEquals([seconds[0], seconds.at(-1)! <= 5], [90, true]);
});

Deno.test("a file that hangs and a file without a test are failures by name", async () => {
  const folder = await Deno.makeTempDir();
  try {
    const write = async (name: string, text: string) => {
      await Deno.writeTextFile(`${folder}/${name}`, text);
      return job(relative(rootPath, `${folder}/${name}`), 1);
    };
    const hangs = await write(
      "hangs_test.ts",
      `Deno.test("x", () => new Promise((done) => setTimeout(done, 1e9)));`,
    );
    const empty = await write("empty_test.ts", `throw new Error("at once");`);
    const bare = await write("bare_test.ts", "export {};");
    const later = await write("later_test.ts", `Deno.test("x", () => {});`);
    const stuck = await runBatch([hangs, later], 2000);
    const [none, without] = [await runBatch([empty]), await runBatch([bare])];
    assertEquals(stuck.failures.length, 2);
    assertMatch(stuck.failures[1], /later_test\.ts ran no test$/);
    assertMatch(without.failures[0], /bare_test\.ts ran no test$/);
    assertMatch(stuck.failures[0], /hangs_test\.ts hangs$/);
    assertMatch(none.failures[0], /empty_test\.ts ran no test$/);
  } finally {
    await Deno.remove(folder, { recursive: true });
  }
});

Deno.test("files and tests are known by their lines, wherever what is printed is cut into pieces", async () => {
  const text = "running 2 tests from ./tests/a_test.ts\nx ... ok (1ms)\n";
  for (let cut = 1; cut < text.length; cut++) {
    const pieces = [text.slice(0, cut), text.slice(cut)].map((part) =>
      new TextEncoder().encode(part)
    );
    const [stdout, stderr] = [ReadableStream.from(pieces), ReadableStream.from([])];
    const { begun, ran, output } = await watch({ stdout, stderr, kill: () => {} }, 10_000);
    assertEquals([begun.map(([path]) => path), output], [["tests/a_test.ts"], text]);
    assertEquals(ran, [["x", "tests/a_test.ts"]]);
  }
});

Deno.test("words of the command line are folders, files and options; others are refused", () => {
  const { wanted, jobs } = readRequest(["--tiers", "core", "adapt", "core/quote_test.ts"]);
  assertEquals(wanted, ["core"]);
  const chosen = jobs.map(({ path }) => path);
  assertEquals(chosen.filter((path) => !/^(tests|src)\/adapt(\/|$)/.test(path)), [
    "tests/core/quote_test.ts",
  ]);
  assert(chosen.includes("src/adapt"));
  assertThrows(() => readRequest(["nowhere"]), RangeError, "nowhere has no tests of core or parts");
  assertThrows(() => readRequest(["--tiers", "fast"]), RangeError, "found fast");
  assertThrows(() => readRequest(["--chagned"]), RangeError, "no option --chagned: deno task test");
  assertEquals(readRequest(["--tiers", "core", "--tiers", "parts"]).wanted, ["parts"]);
  assertThrows(() => readRequest(["--times"]), RangeError, "--times needs a file");
  assertThrows(() => readRequest(["--within", "soon"]), RangeError, "found soon");
  assertThrows(() => readRequest(["--within", "9"]), RangeError, "--within needs --changed");
  assertThrows(
    () => readRequest(["--changed", "no_such_revision"]),
    RangeError,
    "no_such_revision",
  );
});

Deno.test("a change reaches the tests that import the file, not others", () => {
  const reached = reachedBy(["src/core/random.ts"]);
  assert(reached.has("tests/core/random_test.ts"));
  assert(reached.has("src/core"));
  assert(reached.has("tests/layers_test.ts"));
  assertEquals(reachedBy(["tests/layers_test.ts"]).get("tests/layers_test.ts"), 0);
  assert(!reached.has("tests/core/float16_test.ts"));
});

Deno.test("a change of a page reaches the tests that name its folder", () => {
  const reached = reachedBy(["docs/decisions/0002_test_tiers.md"]);
  assert(reached.has("tests/package/links_test.ts"));
  assert(!reached.has("tests/core/float16_test.ts"));
  assert(
    reachedBy(["tests/golden/families/llama.safetensors"])
      .has("tests/models/family_devices_test.ts"),
  );
  assert(reachedBy(["notebooks/04_train.ipynb"]).has("tests/notebooks/run_parts_test.ts"));
});

Deno.test("imports lead through a mod.ts to the file that defines the name", () => {
  const files = sourceFiles(["src/analysis", "src/linalg", "tests/analysis"]);
  const steps = new Graph(files).distances(["src/analysis/shared_basis.ts"]);
  assertEquals([...steps].filter(([path]) => path.endsWith("_test.ts")), [[
    "tests/analysis/shared_basis_test.ts",
    1,
  ]]);
});

Deno.test("of the tests that a change reaches, the nearest come first", () => {
  const jobs = [job("far", 1), job("near", 8), job("nearer", 9), job("elsewhere", 1)];
  const steps = new Map([["far", 3], ["near", 2], ["nearer", 1]]);
  assertEquals(nearest(jobs, steps).map(({ path }) => path), ["nearer", "near", "far"]);
});

Deno.test("a file with tests is named as one, and its tier as a tier is", () => {
  const wrong = sourceFiles(["tests"]).filter((path) => {
    const tier = /_(parts?|references?|night\w*)_test\.ts$/.exec(path)?.[1];
    if (path.endsWith("_test.ts")) return tier && !(tiers as readonly string[]).includes(tier);
    return /^(await testOn|Deno\.test)\(/m.test(sourceText(path));
  });
  assertEquals(wrong, []);
});
