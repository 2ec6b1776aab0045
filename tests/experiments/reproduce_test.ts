import {
  assert,
  assertEquals,
  assertMatch,
  assertNotEquals,
  assertRejects,
  assertStringIncludes,
  assertThrows,
} from "@std/assert";
import { setTimeout as delay } from "node:timers/promises";
import { claimFolder } from "../../src/storage/folder.ts";
import { openCpuDevice } from "../../src/device/cpu/cpu_device.ts";
import { countTrained } from "../../experiments/counting.ts";
import { gpt3Memory } from "../../experiments/memory.ts";
import { parseReproduceArgs } from "../../experiments/main.ts";
import { experiments, paperParts, partsIn, selectExperiments } from "../../experiments/registry.ts";
import type { Experiment } from "../../experiments/frame/experiment.ts";
import { reproduce } from "../../experiments/frame/reproduce.ts";
import { filesIn, withFolder } from "../../scripts/support/folders.ts";
import { rootPath } from "../../scripts/support/source_files.ts";
import { withVariables } from "../support/variables.ts";
import { silently } from "./silently.ts";

Deno.test("GPT-3 175B: LoRA trains 9,251 times fewer values at r = 4 and 37,003 times at r = 1", () => {
  const full = countTrained(0);
  assertEquals(full, 174_604_259_328);
  assertEquals(countTrained(4), 18_874_368);
  assertEquals(Math.round(full / countTrained(4)), 9_251);
  assertEquals(Math.round(full / countTrained(1)), 37_003);
});

Deno.test("GPT-3 175B: the ledger's state bytes are 16 a trained and 4 a frozen value", () => {
  const full = gpt3Memory(0).peakByRole, lora = gpt3Memory(4).peakByRole;
  const values = countTrained(0), trained = countTrained(4);
  assertEquals(full.weight, 4 * values);
  assertEquals(full.gradient + full.optimizer, 12 * values);
  assertEquals(lora.weight, 4 * values);
  assertEquals(lora.adapter + lora.gradient + lora.optimizer, 16 * trained);
});

Deno.test("the arguments of reproduce are read, and wrong ones named", () => {
  assertEquals(parseReproduceArgs(["--only", "counting, memory", "--seeds", "3", "--quick"]), {
    only: ["counting", "memory"],
    seeds: [1, 2, 3],
    deviceKind: undefined,
    out: "results/quick",
    quick: true,
    full: false,
    open: false,
    shard: undefined,
  });
  assertEquals(parseReproduceArgs(["--full", "--shard", "2/4"]), {
    only: [],
    seeds: [1, 2, 3],
    deviceKind: undefined,
    out: "results",
    quick: false,
    full: true,
    open: false,
    shard: { index: 2, count: 4 },
  });
  for (const shard of ["0/2", "3/2", "1", "a/b", "1/2/3"]) {
    assertThrows(() => parseReproduceArgs(["--shard", shard]), RangeError, `found ${shard}`);
  }
  for (const seeds of ["0", "1e9", "1.5", "x"]) {
    assertThrows(() => parseReproduceArgs(["--seeds", seeds]), RangeError, "--seeds must be");
  }
  assertThrows(() => parseReproduceArgs(["--device", "tpu"]), RangeError, "found tpu");
  const meant = "(did you mean --quick?)";
  assertThrows(() => parseReproduceArgs(["--quikc"]), RangeError, `no option --quikc ${meant}`);
  assertThrows(() => parseReproduceArgs(["--zebra=1"]), RangeError, "no option --zebra");
  assertThrows(
    () => parseReproduceArgs(["counting", "--quick", "memory"]),
    RangeError,
    "experiments must be named by --only, as in --only counting,memory, found counting,memory",
  );
  const only = () => selectExperiments(["memory", "countin"]);
  const error = assertThrows(only, RangeError, "--only takes counting, memory, ");
  assertMatch(error.message, /; found countin \(did you mean counting\?\)$/);
  assertThrows(() => selectExperiments(["table"]), RangeError, "found table");
});

Deno.test("a table of the paper stands for the experiments that are about it", () => {
  const namesOf = (...only: string[]) => selectExperiments(only).map(({ name }) => name);
  assertEquals(namesOf("figure8"), ["rank-real-amplification"]);
  assertEquals(namesOf("figure6", "memory"), ["memory", "rank-real-subspaces"]);
  assertEquals(namesOf("table5"), ["paper", "which-matrices", "methods-budget"]);
  assert(namesOf("table3").includes("adaptation")); // The words of its claims are functions.
  for (const part of paperParts) assertNotEquals(namesOf(part), []);
  for (let i = 1; i <= 18; i++) assert(paperParts.includes(`table${i}`), `${i}`);
});

Deno.test("a claim whose words begin with a table or figure is reached by it", () => {
  const found = experiments.flatMap(({ name, claims }) =>
    claims.flatMap(({ text }) => {
      const [, kind, list] = /^(table|figure)s? ([\d, ]+):/i.exec(`${text}`) ?? [];
      return (list?.split(", ") ?? []).map((number) => ({
        name,
        part: kind.toLowerCase() + number,
      }));
    })
  );
  assert(found.length > 20);
  for (const { name, part } of found) {
    assert(selectExperiments([part]).some((one) => one.name === name), `${part}: ${name}`);
  }
});

Deno.test("the tables and figures of a source are read with ranges, and of the paper alone", () => {
  const all = "Hu et al. 2021, tables 2 (GLUE, table 9) and 4 to 6, 8, section 7 and figure 2";
  assertEquals(partsIn(`Li 2018, table 1; ${all}; Li 2018, table 3`), [
    ...["table2", "table4", "table5", "table6", "table8", "figure2"],
  ]);
  assertEquals(partsIn("Control for Hu et al. 2021, table 6"), []);
  assertEquals(partsIn("Hu et al. 2021, sections 3 and 4.1"), []);
});

const without = (count: number) =>
  `without ${count} of ${experiments.length} experiments, which partial.json lists as missing`;

Deno.test("a main job that is stopped says what is missing, and replaces no whole report", async () => {
  await withFolder(async (out) => {
    const options = { seeds: [1], deviceKind: undefined, out, quick: true, full: false };
    using device = await openCpuDevice({ threads: 1 });
    await Deno.writeTextFile(`${out}/index.html`, "whole");
    await Deno.writeTextFile(`${out}/results.json`, "whole");
    const said = await silently(() =>
      reproduce(device, { ...options, only: ["counting", "memory"] }, AbortSignal.abort("enough"))
    );
    const sentence = `stopped before it was finished; ${without(experiments.length)}`;
    assertStringIncludes(said, `partial: ${sentence}`);
    const { facts, missing, results } = JSON.parse(await Deno.readTextFile(`${out}/partial.json`));
    assertEquals([results, missing], [[], experiments.map(({ name }) => name)]);
    assertStringIncludes(facts.partial, sentence);
    assertStringIncludes(await Deno.readTextFile(`${out}/partial.html`), sentence);
    for (const name of ["index.html", "results.json"]) {
      assertEquals(await Deno.readTextFile(`${out}/${name}`), "whole");
    }
  });
});

/** Runs the main job with other results, or failures, in place of what experiments find. */
async function withRuns<T>(
  runOf: (name: string) => Experiment["run"],
  work: () => Promise<T>,
): Promise<T> {
  using restored = new DisposableStack();
  for (const one of experiments) {
    const { run } = one;
    restored.defer(() => one.run = run);
    one.run = runOf(one.name);
  }
  return await work();
}

const nothing = { settings: "Nothing.", findings: [], tables: [], figures: [] };

Deno.test("an experiment that fails is named in the report of the others, and ends the job", async () => {
  await withFolder(async (out) => {
    const options = { seeds: [1], deviceKind: undefined, out, quick: true, full: false };
    using device = await openCpuDevice({ threads: 1 });
    const { signal } = new AbortController(), only = ["memory", "counting"];
    const job = () => silently(() => reproduce(device, { ...options, only }, signal));
    const runOf = (name: string) => () =>
      name === "memory" ? Promise.reject(new Error("no \u001bmemory")) : Promise.resolve(nothing);
    await withRuns(runOf, async () => void await assertRejects(job, Error, "no \u001bmemory"));
    const { facts, results } = JSON.parse(await Deno.readTextFile(`${out}/partial.json`));
    assertEquals(results.map(({ name }: { name: string }) => name), ["counting"]);
    const [failed, left] = facts.partial.split("; ");
    assertMatch(failed, /^memory failed \(no [!-~]*memory\)$/);
    assertEquals(left, without(experiments.length - 1));
    assertStringIncludes(await Deno.readTextFile(`${out}/index.html`), "memory failed");
  });
});

Deno.test("the page is there before the first experiment, and grows with each", async () => {
  await withFolder(async (out) => {
    const only = ["counting", "memory", "paper"], pages: string[] = [], missing: number[] = [];
    const options = { only, seeds: [1], deviceKind: undefined, out, quick: true, full: false };
    using device = await openCpuDevice({ threads: 1 });
    const runOf = () => async () => {
      pages.push(await Deno.readTextFile(`${out}/index.html`));
      const data = JSON.parse(await Deno.readTextFile(`${out}/partial.json`));
      missing.push(data.missing.length);
      return nothing;
    };
    const job = () => silently(() => reproduce(device, options, new AbortController().signal));
    await withRuns(runOf, async () => void await job());
    const states = (page: string) =>
      Array.from(page.matchAll(/<section class="pending" id="(\w+)">.*?class="state">(.*?)</g))
        .map(([, id, state]) => `${id} ${state}`);
    const [first, second, third] = selectExperiments(only).map(({ name }) => name);
    assertEquals(pages.map(states), [
      [`${first} running`, `${second} waiting`, `${third} waiting`],
      [`${second} running`, `${third} waiting`],
      [`${third} running`],
    ]);
    assertEquals(missing.map((count) => experiments.length - count), [0, 1, 2]);
    for (const [done, page] of pages.entries()) {
      assertMatch(
        page,
        new RegExp(`<main data-growing>.*Still running: ${done} of 3 experiments are done`, "s"),
      );
    }
    const last = await Deno.readTextFile(`${out}/index.html`);
    assertEquals([states(last), last.includes("<main data-growing>")], [[], false]);
    const notice = `Only a part, by --only: 3 of ${experiments.length} experiments.`;
    assertStringIncludes(last, `<p class="notice">${notice}</p>`);
  });
});

Deno.test("a report grows beside a whole one until it is whole, and then leads there", async () => {
  await withFolder(async (out) => {
    const options = { only: [], seeds: [1], deviceKind: undefined, out, quick: true, full: false };
    using device = await openCpuDevice({ threads: 1 });
    const job = () => silently(() => reproduce(device, options, new AbortController().signal));
    const before = { page: "", growing: "" };
    const runOf = (found: string) => () => async () => {
      before.page = await Deno.readTextFile(`${out}/index.html`);
      before.growing = await Deno.readTextFile(`${out}/partial.html`).catch(() => "");
      return { ...nothing, settings: found };
    };
    await withRuns(runOf("Found first."), async () => void await job());
    assertEquals([before.growing, before.page.includes("Found first.")], ["", true]);
    const said = await withRuns(runOf("Found second."), job);
    assertEquals([before.page.includes("Found second."), before.page.includes("Found first.")], [
      ...[false, true],
    ]);
    assertStringIncludes(before.growing, "Found second.");
    assertEquals(filesIn(out), ["index.html", "partial.html", "results.json"]);
    assertStringIncludes(await Deno.readTextFile(`${out}/index.html`), "Found second.");
    assertMatch(
      await Deno.readTextFile(`${out}/partial.html`),
      /refresh" content="0; url=index.html"/,
    );
    assertMatch(said, /report: file:\/\/\/.*\/index\.html$/);
  });
});

Deno.test({
  name: "--open shows the page that grows, and a job without a browser goes on",
  ignore: Deno.build.os !== "linux",
  fn: () =>
    withFolder(async (folder) => {
      const bin = `${folder}/bin`, opened = `${folder}/opened`, only = ["counting"];
      await Deno.mkdir(bin);
      using device = await openCpuDevice({ threads: 1 });
      const options = { only, seeds: [1], deviceKind: undefined, quick: false, full: false };
      const job = () =>
        reproduce(
          device,
          { ...options, open: true, out: `${folder}/alone` },
          new AbortController().signal,
        );
      const said = await withVariables({ PATH: bin }, () => silently(job));
      const address = `file://${folder}/alone/index.html`;
      assertStringIncludes(said, `note: cannot open ${address}: xdg-open cannot be started`);
      await Deno.writeTextFile(
        `${bin}/xdg-open`,
        `#!/bin/sh\necho "$1" > ${opened}.tmp && /bin/mv ${opened}.tmp ${opened}\n`,
      );
      await Deno.chmod(`${bin}/xdg-open`, 0o755);
      const { code } = await new Deno.Command(Deno.execPath(), {
        args: [
          ...["task", "--quiet", "reproduce", "--open", "--only", "counting"],
          ...["--device", "cpu", "--out", `${folder}/shown`],
        ],
        cwd: rootPath,
        env: { PATH: bin },
      }).output();
      assertEquals(code, 0);
      while (!filesIn(folder).includes("opened")) await delay(20); // the job does not wait for it
      assertEquals(await Deno.readTextFile(opened), `file://${folder}/shown/index.html\n`);
    }),
});

Deno.test("a whole report replaces a partial one", async () => {
  await withFolder(async (out) => {
    const options = { only: [], seeds: [1], deviceKind: undefined, out, quick: true, full: false };
    using device = await openCpuDevice({ threads: 1 });
    for (const name of ["partial.json", "partial.html"]) {
      await Deno.writeTextFile(`${out}/${name}`, "old");
    }
    const job = () => silently(() => reproduce(device, options, new AbortController().signal));
    await withRuns(() => () => Promise.resolve(nothing), async () => void await job());
    assertEquals(filesIn(out), ["index.html", "results.json"]);
  });
});

Deno.test("two main jobs at once in one folder: the second is refused in one sentence", async () => {
  await withFolder(async (out) => {
    const options = { only: ["counting"], seeds: [1], deviceKind: undefined, out };
    using device = await openCpuDevice({ threads: 1 });
    using _ = await claimFolder(out);
    const again = () =>
      reproduce(device, { ...options, quick: true, full: false }, new AbortController().signal);
    const sentence = `cannot use the folder ${out}: it is in use by another save or training`;
    await assertRejects(() => silently(again), Error, sentence);
    assertEquals(filesIn(out), []);
  });
});
