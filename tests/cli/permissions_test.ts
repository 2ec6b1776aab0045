/** Least permission: what the tasks are granted, and what each command keeps of it. */

import { assertEquals } from "@std/assert";
import { neededBy } from "../../src/cli/permissions.ts";
import { withFolder } from "../support/folders.ts";
import { filesOf, withHub } from "../support/hub_server.ts";
import { sparseFile, withServer } from "../support/range_server.ts";
import { opener } from "../../src/core/open_in_browser.ts";
import { sourceText } from "../support/source_files.ts";
import { withVariables } from "../support/variables.ts";
import { logitsArgs, trainArgs, writeJson } from "./arguments.ts";
import {
  assertFailed,
  flagsOf,
  lowrank,
  model,
  type Outcome,
  outcomeOf,
  spawnProgram,
  tasks,
} from "./lowrank.ts";
import { smallSweep } from "./sweeps.ts";

const tiny = ["--model", "models/tiny-gpt2"], adapter = "models/rank-study/qv-r8-seed1";

/** Runs a program with these flags; whatever else it needs is refused, not asked for. */
function run(flags: readonly string[], program: string, ...args: string[]): Promise<Outcome> {
  return outcomeOf(spawnProgram(Deno.execPath(), "run", "--no-check", ...flags, program, ...args));
}

/** Permissions of a task's program before its device is open and after. */
async function foreign(task: string, ...args: string[]) {
  const { stdout, stderr } = await run(flagsOf(task), "tests/cli/foreign.ts", task, ...args);
  assertEquals(stderr, "");
  return JSON.parse(stdout);
}

Deno.test("no library of C can be opened after the device, and with LOWRANK_BLAS=off none before", async () => {
  for (const [blas, libraries] of [["auto", [true, false]], ["off", [false, false]]] as const) {
    await withVariables({ LOWRANK_BLAS: blas }, async () => {
      assertEquals(await foreign("lowrank"), { libraries, starts: [] });
      assertEquals((await foreign("reproduce")).libraries, libraries);
    });
  }
});

Deno.test("the main job starts Deno alone, if that, and the browser with --open", () =>
  withFolder(async (folder) => {
    const opens = `${folder}/${opener}`;
    await Deno.writeTextFile(opens, "");
    await Deno.chmod(opens, 0o755);
    await withVariables({ PATH: `${folder}:/bin` }, async () => {
      const starts = async (...args: string[]) => (await foreign("reproduce", ...args)).starts;
      assertEquals(await starts(), ["deno"]);
      assertEquals(await starts("--open", "--only", "resident,counting"), ["deno", "opener"]);
      assertEquals(await starts("--only", "counting"), []);
    });
  }));

Deno.test("the task and the shebang grant the same, and neither grants all", () => {
  const [shebang] = sourceText("cli.ts").split("\n");
  assertEquals(`${shebang.replace("#!/usr/bin/env -S ", "")} cli.ts`, tasks.lowrank);
  for (const name of ["lowrank", "reproduce"]) {
    const flags = flagsOf(name);
    assertEquals(
      flags.filter((flag) => /^(-A|--allow-all|-S|-E|--allow-env|-I.*)$/.test(flag)),
      [],
    );
    assertEquals(flags.includes("--no-prompt"), true);
  }
});

Deno.test("the guide starts the program from another folder without -A", () => {
  const [, flags] = /^ {4}npx -y deno run (.*) PATH\/cli\.ts …$/m.exec(
    sourceText("docs/command_line.md"),
  )!;
  const granted = flagsOf("lowrank");
  assertEquals(flags.split(" ").filter((flag) => !granted.includes(flag)), []);
});

/** The same of a program that runs until a signal comes, which it is sent once it has printed something. */
async function runUntilSignal(
  flags: readonly string[],
  program: string,
  ...args: string[]
): Promise<Outcome> {
  const command = ["run", "--no-check", ...flags, program, ...args];
  const child = spawnProgram(Deno.execPath(), ...command), [seen, stdout] = child.stdout.tee();
  const reader = seen.getReader(),
    [all, stderr] = [stdout, child.stderr].map(async (stream) => await new Response(stream).text());
  await reader.read();
  child.kill("SIGTERM");
  const { code } = await child.status;
  await reader.cancel();
  return { code, stdout: await all, stderr: await stderr };
}

/** What a command keeps; its arguments may need a folder, or a server of safetensors. */
interface Case {
  readonly keeps: readonly string[];
  /** Whether it runs until a signal comes. */
  readonly runsOn?: boolean;
  readonly args: (folder: string, url: string) => readonly string[] | Promise<readonly string[]>;
}

const remote = sparseFile({ "wte.weight": [10, 4] });

const cases: Readonly<Record<string, Case>> = {
  devices: { keeps: [], args: () => ["devices"] },
  count: { keeps: ["read"], args: () => ["count", "models/tiny-gpt2"] },
  "count --url": { keeps: ["net"], args: (_, url) => ["count", "--url", url] },
  memory: { keeps: ["read"], args: () => ["memory", "gpt2", "--batch", "1", "--length", "8"] },
  paper: { keeps: [], args: () => ["paper", "table5"] },
  train: {
    keeps: ["read", "write"],
    args: (folder) => trainArgs(folder, `${folder}/out`),
  },
  "train --data": {
    keeps: ["read", "write"],
    args: async (folder) => {
      await Deno.writeTextFile(
        `${folder}/mine.csv`,
        "prompt,completion\nboat,a galleon\nhook,a hand",
      );
      const data = ["--data", `${folder}/mine.csv`, "--steps", "1"];
      return ["train", ...tiny, ...data, "--output", `${folder}/out`];
    },
  },
  sweep: {
    keeps: ["read", "write"],
    args: async (folder) => ["sweep", await smallSweep(folder), "--output", `${folder}/out`],
  },
  "sweep hf:": {
    keeps: ["read", "write", "net", "token"],
    args: async (folder) => {
      const methods = [{ method: "lora", rank: 2, model: ["hf:me/tiny"] }];
      const file = await smallSweep(folder, { steps: 1, "learning-rate": 0.01, seed: 1, methods });
      return ["sweep", file, "--output", `${folder}/out`];
    },
  },
  evaluate: {
    keeps: ["read"],
    args: async (folder) => {
      await Deno.writeTextFile(`${folder}/mine.txt`, "We the people");
      return ["evaluate", ...tiny, "--data", `${folder}/mine.txt`];
    },
  },
  "evaluate --outputs": {
    keeps: ["read"],
    args: async (folder) => {
      await Deno.writeTextFile(`${folder}/said.txt`, "a boat\n");
      await Deno.writeTextFile(`${folder}/meant.txt`, "a boat\n");
      const files = ["--outputs", `${folder}/said.txt`, "--references", `${folder}/meant.txt`];
      return ["evaluate", ...files, "--metrics", "bleu"];
    },
  },
  generate: { keeps: ["read"], args: () => ["generate", ...tiny, "--prompt", "Fellow"] },
  serve: {
    keeps: ["read", "net"],
    runsOn: true,
    args: () => ["serve", ...tiny, "--port", "0"],
  },
  logits: { keeps: ["read", "write"], args: (folder) => logitsArgs(folder, [[5, 6, 7]]) },
  gradients: {
    keeps: ["read", "write"],
    args: async (folder) => {
      const one = { input_ids: [[5, 6, 7]], labels: [[5, 6, 7]] };
      const input = await writeJson(`${folder}/in.json`, { cases: { one } });
      const output = `${folder}/out.safetensors`;
      return [
        ...["gradients", "--model", model, "--input", input],
        ...["--case", "one", "--output", output],
      ];
    },
  },
  merge: {
    keeps: ["read", "write"],
    args: (folder) => ["merge", ...tiny, "--adapter", adapter, "--output", `${folder}/out`],
  },
  inspect: { keeps: ["read"], args: () => ["inspect", adapter, "--base", "models/tiny-gpt2"] },
  "inspect --intruders": {
    keeps: ["read"],
    args: () => ["inspect", adapter, "--base", "models/tiny-gpt2", "--intruders"],
  },
  compare: { keeps: ["read"], args: () => ["compare", adapter, adapter] },
  "compare --html": {
    keeps: ["read", "write"],
    args: (folder) => ["compare", adapter, adapter, "--html", `${folder}/page.html`],
  },
  convert: {
    keeps: ["read", "write"],
    args: (folder) => ["convert", adapter, "--to", "kohya", "--output", `${folder}/out`],
  },
  resize: {
    keeps: ["read", "write"],
    args: (folder) => ["resize", adapter, "--rank", "2", "--output", `${folder}/out`],
  },
  combine: {
    keeps: ["read", "write"],
    args: (folder) => ["combine", adapter, `${adapter}:-0.5`, "--output", `${folder}/out`],
  },
  extract: {
    keeps: ["read", "write"],
    args: async (folder) => {
      const tuned = `${folder}/tuned`;
      await lowrank("merge", ...tiny, "--adapter", adapter, "--output", tuned);
      return ["extract", "models/tiny-gpt2", tuned, "--rank", "2", "--output", `${folder}/out`];
    },
  },
  quantize: {
    keeps: ["read", "write"],
    args: (folder) => ["quantize", "models/tiny-gpt2", `${folder}/out`],
  },
  pull: { keeps: ["read", "write", "net", "token"], args: () => ["pull", "hf:me/adapter"] },
  "inspect hf:": {
    keeps: ["read", "write", "net", "token"],
    args: () => ["inspect", "hf:me/adapter"],
  },
  "generate hf:": {
    keeps: ["read", "write", "net", "token"],
    args: () => ["generate", ...tiny, "--adapter", "hf:me/adapter", "--prompt", "Fellow"],
  },
};

const repositories = { "me/adapter": filesOf(adapter), "me/tiny": filesOf("models/tiny-gpt2") };

const withHubAndFolder = (use: (folder: string) => Promise<void>) =>
  withHub(repositories, () => withFolder(use));

for (const [name, { keeps, args, runsOn }] of Object.entries(cases)) {
  const list = keeps.length === 0 ? "nothing" : keeps.join(", ");
  Deno.test(`${name} runs as the task grants, and keeps ${list}`, () =>
    withHubAndFolder(async (folder) => {
      const file = `${folder}/file.txt`, files = { "/model.safetensors": remote };
      await Deno.writeTextFile(file, "as before");
      await withServer(files, async (address, { requests }) => {
        const command = await args(folder, `${address}/model.safetensors`);
        const tried = [file, `${address}/escaped`, ...command, "--json", "--quiet"];
        const runIt = runsOn ? runUntilSignal : run;
        const ended = await runIt(flagsOf("lowrank"), "tests/cli/escape.ts", ...tried);
        assertEquals(ended.code, runsOn ? 143 : 0, ended.stderr);
        assertEquals(JSON.parse(ended.stdout.trimEnd().split("\n").at(-1)!), keeps);
        assertEquals(requests.includes("all /escaped"), keeps.includes("net"));
      });
      const written = await Deno.readTextFile(file) === "escaped";
      assertEquals(written, keeps.includes("write"));
    }));
}

Deno.test("the table of permissions has every command, and here each runs", async () => {
  const { stdout } = await lowrank("--help");
  const list = stdout.slice(stdout.indexOf("Commands:"));
  const commands = [...list.matchAll(/^ {2}(\w+) /gm)].map(([, name]) => name)
    .filter((name) => name !== "help");
  assertEquals(commands.length, 20);
  for (const name of commands) {
    const kept = cases[name].keeps.filter((permission) => permission !== "token");
    const needed: readonly string[] = neededBy(name, {});
    assertEquals(needed.filter((need) => need !== "device" && need !== "library"), kept);
  }
});

Deno.test("inspect works with permission to read alone, and the help with none", async () => {
  const inspected = await run(["--no-prompt", "--allow-read"], "cli.ts", "inspect", adapter);
  assertEquals([inspected.code, inspected.stderr], [0, ""]);
  const help = await run(["--no-prompt"], "cli.ts", "train", "--help");
  assertEquals([help.code, help.stderr], [0, ""]);
});

Deno.test("a command that lacks a permission says so in one sentence", () =>
  withFolder(async (folder) => {
    const html = ["compare", adapter, adapter, "--html", `${folder}/page.html`];
    const reading = ["--no-prompt", "--allow-read", "--ignore-env"];
    const lacks = (kind: string) => `the program has no permission for it (--allow-${kind})`;
    assertFailed(await run(reading, "cli.ts", ...html), "page.html", lacks("write"));
    assertFailed(
      await run(["--no-prompt"], "cli.ts", "inspect", adapter),
      `cannot read ${adapter}: ${lacks("read")}`,
    );
    assertFailed(
      await run(reading, "cli.ts", "count", "--url", "http://127.0.0.1:9/a"),
      "127.0.0.1",
    );
  }));

Deno.test({
  name: "paths that Deno keeps to itself are refused without advice to grant everything",
  ignore: Deno.build.os !== "linux",
  fn: async () => {
    const path = "/dev/shm/lowrank_test";
    const output = (name: string, ...args: string[]) => [name, ...args, "--output", path];
    const commands = [
      ["inspect", path],
      ["count", "/dev/stdin"],
      ["compare", adapter, adapter, "--html", `${path}.html`],
      output("merge", ...tiny, "--adapter", adapter),
      output("resize", adapter, "--rank", "2"),
      output("combine", adapter),
    ];
    const reproduce = ["--quick", "--only", "counting", "--device", "cpu", "--out", path];
    for (
      const outcome of [
        ...await Promise.all(commands.map((args) => run(flagsOf("lowrank"), "cli.ts", ...args))),
        await run(flagsOf("reproduce"), "experiments/main.ts", ...reproduce),
      ]
    ) {
      assertFailed(outcome, "Deno lets programs into /dev, /proc and /sys only with all");
      assertEquals(/--allow|run again/.exec(outcome.stderr), null, outcome.stderr);
    }
  },
});

Deno.test("without permission for FFI the device computes without a BLAS, and names none", async () => {
  const { stdout, code } = await run(
    ["--no-prompt", "--allow-read"],
    "cli.ts",
    "devices",
    "--json",
  );
  const { devices } = JSON.parse(stdout);
  const cpu = devices.find(({ kind }: { kind: string }) => kind === "cpu");
  assertEquals([code, cpu.blas], [0, null]);
});

Deno.test("the main job runs as its task grants", () =>
  withFolder(async (folder) => {
    const args = ["--quick", "--only", "counting,resident", "--device", "cpu", "--out", folder];
    const { code, stderr } = await run(flagsOf("reproduce"), "experiments/main.ts", ...args);
    assertEquals(code, 0, stderr);
    const { results } = JSON.parse(await Deno.readTextFile(`${folder}/quick/partial.json`));
    assertEquals(results.length, 2);
  }));
