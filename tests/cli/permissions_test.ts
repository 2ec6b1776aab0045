/** Least permission: what the tasks are granted, and what each command keeps of it. */

import { assertEquals } from "@std/assert";
import { keepNeeded as keepForJob } from "../../experiments/frame/permissions.ts";
import { parseReproduceArgs } from "../../experiments/main.ts";
import type { ReproduceOptions } from "../../experiments/frame/reproduce.ts";
import { keepNeeded, main } from "../../src/cli/program.ts";
import { Interrupted } from "../../src/terminal/interrupt.ts";
import { opener } from "../../experiments/frame/open_in_browser.ts";
import { withFolder } from "../../scripts/support/folders.ts";
import { filesOf, withHub } from "../support/hub_server.ts";
import "../support/open_lapack.ts";
import { sparseFile, withServer } from "../support/range_server.ts";
import { sourceText } from "../../scripts/support/source_files.ts";
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

/** Runs commands in one process of `escape.ts`. */
async function runAll(
  flags: readonly string[],
  commands: readonly (readonly string[])[],
  file = "/no/such/file",
  address = "none",
) {
  const words = [file, address, JSON.stringify(commands)];
  const { code, stdout, stderr } = await run(flags, "tests/cli/escape.ts", ...words);
  assertEquals(code, 0, stderr);
  const lines = stdout.trimEnd().split("\n"), last: string = lines.pop()!;
  return { ...JSON.parse(last), lines, errors: stderr.trimEnd().split("\n") };
}

/** Permissions that a command keeps; its arguments may need a folder or a server of safetensors. */
async function givenUp(use: () => unknown): Promise<string[]> {
  const { permissions } = Deno, names: string[] = [];
  const revokeSync = (descriptor: Deno.PermissionDescriptor) => {
    names.push(Object.values(descriptor).join(" "));
    return permissions.querySync(descriptor);
  };
  Object.defineProperty(permissions, "revokeSync", { value: revokeSync, configurable: true });
  try {
    await use();
  } finally {
    Reflect.deleteProperty(permissions, "revokeSync");
  }
  return names;
}

/** Permissions that a command gives up before it runs, and when its device is open. */
const givenUpBy = (command: readonly string[]): Promise<string[]> =>
  givenUp(async () => {
    const code = await main(command, async (...called) => {
      (await keepNeeded(...called))?.();
      throw new Interrupted("SIGTERM");
    });
    assertEquals(code, 143);
  });

const tasksStarted: readonly (readonly [task: string, args: string[], starts: string[]])[] = [
  ["lowrank", [], []],
  ["reproduce", ["--open", "--only", "resident,counting"], ["deno", "opener"]],
];

for (const [task, args, starts] of tasksStarted) {
  Deno.test(`${task}: no library of C can be opened after the device`, () =>
    withFolder(async (folder) => {
      const opens = `${folder}/${opener}`;
      await Deno.writeTextFile(opens, "");
      await Deno.chmod(opens, 0o755);
      await withVariables({ LOWRANK_BLAS: "auto", PATH: `${folder}:/bin` }, async () => {
        const program = "tests/cli/foreign.ts";
        const { stdout, stderr } = await run(flagsOf(task), program, task, ...args);
        assertEquals(stderr, "");
        assertEquals(JSON.parse(stdout), { libraries: [true, false], starts });
      });
    }));
}

Deno.test("with LOWRANK_BLAS=off no library of C can be opened before the device", () =>
  withVariables({ LOWRANK_BLAS: "off" }, async () => {
    assertEquals((await givenUp(() => keepNeeded("generate", {})))[0], "ffi");
    assertEquals(await givenUp(() => keepForJob({ only: [], open: true })), ["ffi"]);
  }));

Deno.test("the main job starts Deno alone, if that, and the browser with --open", async () => {
  const givesUp = (...args: string[]) =>
    givenUp(() => keepForJob(parseReproduceArgs(args) as ReproduceOptions)());
  const [noDeno, noOpener] = [`run ${Deno.execPath()}`, `run ${opener}`];
  assertEquals(await givesUp(), [noOpener, "ffi"]);
  assertEquals(await givesUp("--open", "--only", "resident,counting"), ["ffi"]);
  assertEquals(await givesUp("--only", "counting"), [noOpener, noDeno, "ffi"]);
});

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
  const written = flags.replaceAll('"', "").split(" "); // Quoted: zsh refuses a * that matches no file.
  assertEquals(written.filter((flag) => !granted.includes(flag)), []);
});

/** Variables that programs of others keep secrets in, beside `HF_TOKEN`, which the hub is asked with. */
const secrets = [
  "HF_API_TOKEN",
  "HF_HUB_TOKEN",
  "HF_TOKEN_PATH",
  "AWS_SECRET_ACCESS_KEY",
  "SSH_AUTH_SOCK",
];

Deno.test("of the environment, families are granted where all of it is ours or Slurm's, else names", async () => {
  for (const task of ["lowrank", "reproduce"]) {
    const flags = flagsOf(task),
      [variables] = flags.flatMap((flag) => flag.match(/^-E=(.*)/)?.[1] ?? []);
    const families = variables.split(",").filter((name) => name.includes("*"));
    assertEquals(families, ["LOWRANK_*", "SLURM_ARRAY_TASK_*"]);
    const ask = `console.log(JSON.stringify(${
      JSON.stringify(secrets)
    }.map((name) => Deno.env.get(name) ?? null)))`;
    await withVariables(
      Object.fromEntries(secrets.map((name) => [name, "secret"])),
      () =>
        withFolder(async (folder) => {
          await Deno.writeTextFile(`${folder}/ask.ts`, ask);
          const { stdout, stderr } = await run(flags, `${folder}/ask.ts`);
          assertEquals([stderr, JSON.parse(stdout)], ["", secrets.map(() => null)]);
        }),
    );
  }
});

/**
 * The permissions that a command keeps; its arguments may need a folder, or a server of
 * safetensors.
 */
interface Case {
  readonly keeps: readonly string[];
  /** Its exit code, if not 0. */
  readonly code?: number;
  readonly args: (folder: string, url: string) => readonly string[] | Promise<readonly string[]>;
}

const oneTraining = { steps: 1, "learning-rate": 0.01, seed: 1 };

const remote = sparseFile({ "wte.weight": [10, 4] });

const cases: Readonly<Record<string, Case>> = {
  devices: { keeps: [], args: () => ["devices"] },
  count: { keeps: ["read"], args: () => ["count", "models/tiny-gpt2"] },
  "count --url": { keeps: ["net"], args: (_, url) => ["count", "--url", url] },
  memory: { keeps: ["read"], args: () => ["memory", model, "--batch", "1", "--length", "8"] },
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
    args: async (folder) => {
      const file = await smallSweep(folder, oneTraining);
      return ["sweep", file, "--output", `${folder}/out`];
    },
  },
  "sweep hf:": {
    keeps: ["read", "write", "net", "token"],
    args: async (folder) => {
      const methods = [{ method: "lora", rank: 2, model: ["hf:me/tiny"] }];
      const file = await smallSweep(folder, { ...oneTraining, methods });
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
  generate: {
    keeps: ["read"],
    args: () => ["generate", ...tiny, "--prompt", "Fellow", "--max-new-tokens", "2"],
  },
  // It would run on, but its port is taken: tests/serve/process_test.ts starts it as the task does.
  serve: {
    keeps: ["read", "net"],
    code: 1,
    args: (_, url) => ["serve", ...tiny, "--port", new URL(url).port],
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
  begin: { keeps: ["read", "write"], args: (folder) => ["begin", `${folder}/first`] },
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

/** Permissions that no command keeps, and that some do: reading and writing, the network, the hub's token. */
const never = ["run", "sys", "ffi"], sometimes = ["read", "write", "net", "env HF_TOKEN"];

Deno.test("each command gives up all but what it is said to keep", () =>
  withHubAndFolder(async (folder) => {
    for (const [name, { keeps, args }] of Object.entries(cases)) {
      const given = new Set(await givenUpBy(await args(folder, "http://127.0.0.1:9/a")));
      const expected = sometimes.filter((one) => !keeps.includes(one.replace(/^env .*/, "token")));
      assertEquals([...given].sort(), [...never, ...expected].sort(), name);
    }
  }));

Deno.test("the table of permissions has every command", async () => {
  const { stdout } = await lowrank("--help");
  const [list] = stdout.slice(stdout.indexOf("Commands:")).split("\n\n");
  const commands = [...list.matchAll(/^ {2}(\w+) /gm)].map(([, name]) => name)
    .filter((name) => name !== "help");
  assertEquals(commands.length, 21);
  const known = new Set(Object.keys(cases).map((name) => name.split(" ")[0]));
  assertEquals(commands.sort(), [...known].sort());
});

const groups = Map.groupBy(
  Object.entries(cases),
  ([, { keeps }]) => keeps.join(", ") || "nothing",
);

for (const [list, members] of groups) {
  const names = members.map(([name]) => name).join(", "), { keeps } = members[0][1];
  Deno.test(`${names}: each runs as the task grants, and keeps ${list}`, () =>
    withHubAndFolder(async (folder) => {
      const file = `${folder}/file.txt`, files = { "/model.safetensors": remote };
      await Deno.writeTextFile(file, "as before");
      await withServer(files, async (address, { requests }) => {
        const commands = await Promise.all(members.map(async ([name, { args }]) => {
          const own = `${folder}/${name}`;
          await Deno.mkdir(own);
          return [...await args(own, `${address}/model.safetensors`), "--json", "--quiet"];
        }));
        const ended = await runAll(flagsOf("lowrank"), commands, file, `${address}/escaped`);
        const codes = members.map(([, { code = 0 }]) => code);
        assertEquals([ended.codes, ended.holdFfi], [codes, []], ended.errors.join("\n"));
        assertEquals(ended.allowed, keeps);
        assertEquals(requests.includes("all /escaped"), keeps.includes("net"));
      });
      const written = await Deno.readTextFile(file) === "escaped";
      assertEquals(written, keeps.includes("write"));
    }));
}

Deno.test("inspect needs permission to read alone, and devices none: without FFI it names no BLAS", async () => {
  const commands = [["inspect", adapter], ["devices", "--json"]];
  const { codes, lines, errors } = await runAll(["--no-prompt", "--allow-read"], commands);
  assertEquals([codes, errors], [[0, 0], [""]]);
  const { devices } = JSON.parse(lines.at(-1)!);
  const cpu = devices.find(({ kind }: { kind: string }) => kind === "cpu");
  assertEquals(cpu.blas, null);
});

Deno.test("the help needs no permission, and a command that lacks one says so in one sentence", async () => {
  const lacks = (kind: string) => `the program has no permission for it (--allow-${kind})`;
  const resize = ["resize", adapter, "--rank", "2", "--output", "/tmp/none"];
  const none = await runAll(["--no-prompt"], [["train", "--help"], ["inspect", adapter]]);
  const reading = await runAll(["--no-prompt", "--allow-read", "--ignore-env"], [
    ...[resize, ["count", "--url", "http://127.0.0.1:9/a"]],
  ]);
  assertEquals([none.codes, reading.codes, reading.lines], [[0, 1], [1, 1], []]);
  const parts = [[`cannot read ${adapter}: ${lacks("read")}`], ["/tmp/none", lacks("write")]];
  const errors: string[] = [...none.errors, ...reading.errors];
  assertEquals(errors.length, 3);
  for (const [i, sentence] of [...parts, ["127.0.0.1"]].entries()) {
    assertFailed({ code: 1, stdout: "", stderr: `${errors[i]}\n` }, ...sentence);
  }
});

Deno.test({
  name: "paths that Deno keeps to itself are refused without advice to grant everything",
  ignore: Deno.build.os !== "linux",
  fn: async () => {
    const path = "/dev/shm/lowrank_test";
    const output = (name: string, ...args: string[]) => [name, ...args, "--output", path];
    const commands = [
      ["compare", adapter, adapter, "--html", `${path}.html`],
      output("merge", ...tiny, "--adapter", adapter),
      output("resize", adapter, "--rank", "2"),
      output("combine", adapter),
      ["inspect", path],
      ["count", "/dev/stdin"],
    ];
    const quiet = commands.map((command) => [...command, "--quiet"]);
    const { codes, lines, errors } = await runAll(flagsOf("lowrank"), quiet);
    assertEquals([codes, lines], [commands.map(() => 1), []]);
    const reproduce = ["--quick", "--only", "counting", "--device", "cpu", "--out", path];
    const job = await run(flagsOf("reproduce"), "experiments/main.ts", ...reproduce);
    assertEquals([job.code, job.stdout], [1, ""]);
    const sentences = [...errors, job.stderr.trimEnd()];
    assertEquals(sentences.length, commands.length + 1);
    for (const stderr of sentences) {
      const refused = { code: 1, stdout: "", stderr: `${stderr}\n` };
      assertFailed(refused, "Deno lets programs into /dev, /proc and /sys only with all");
      assertEquals(/--allow|run again/.exec(stderr), null, stderr);
    }
  },
});

Deno.test("the main job runs as its task grants", () =>
  withFolder(async (folder) => {
    const args = ["--quick", "--only", "counting,resident", "--device", "cpu", "--out", folder];
    const { code, stderr } = await run(flagsOf("reproduce"), "experiments/main.ts", ...args);
    assertEquals(code, 0, stderr);
    const { results } = JSON.parse(await Deno.readTextFile(`${folder}/quick/partial.json`));
    assertEquals(results.length, 2);
  }));
