/** The command line as a program: help, exit codes, standard output, SIGINT. */

import { assert, assertEquals, assertMatch, assertStringIncludes } from "@std/assert";
import { callFrom } from "../../src/cli/options.ts";
import { filesIn, withFolder } from "../../scripts/support/folders.ts";
import { golden } from "../support/golden.ts";
import { withVariables } from "../support/variables.ts";
import { sourceText } from "../../scripts/support/source_files.ts";
import {
  assertFailed,
  assertFails,
  lowrank,
  lowrankJson,
  model,
  outcomeOf,
  spawnLowrank,
} from "./lowrank.ts";

const commands = [
  "begin",
  "devices",
  "count",
  "memory",
  "paper",
  "train",
  "sweep",
  "evaluate",
  "generate",
  "serve",
  "logits",
  "gradients",
  "merge",
  "inspect",
  "compare",
  "resize",
  "combine",
  "extract",
  "convert",
  "quantize",
  "pull",
];

/** The commands that use an option which all accept. */
const usersOf = {
  "--device": ["devices", "train", "sweep", "evaluate", "generate", "serve", "logits", "gradients"],
  "--seed": ["train", "generate", "inspect", "compare", "combine"],
};

Deno.test("without arguments, the help lists every command and the exit code is 0", async () => {
  const { code, stdout, stderr } = await lowrank();
  assertEquals([code, stderr], [0, ""]);
  for (const command of commands) assertMatch(stdout, new RegExp(`^  ${command} `, "m"));
  assertEquals(await lowrank("--help"), { code, stdout, stderr });
});

for (const command of commands) {
  Deno.test(`the help of ${command} says what must be given, and fits a terminal`, async () => {
    const { code, stdout } = await lowrank("help", command);
    assertEquals(code, 0);
    assertStringIncludes(stdout, `Usage: lowrank ${command} `);
    assertStringIncludes(stdout, "lowrank stands for: npx -y deno task lowrank\n");
    for (const option of ["--json", "--quiet"]) assertStringIncludes(stdout, `  ${option}`);
    for (const [option, users] of Object.entries(usersOf)) {
      assertEquals(stdout.includes(`  ${option} `), users.includes(command), option);
    }
    assertStringIncludes(stdout, `  lowrank ${command}`);
    const [, , ...lines] = stdout.split("\n"); // The usage may be long.
    assertEquals(lines.filter((line) => line.length > 80), []);
  });
}

/** Names of the options in each group of a help, by its heading. */
function optionGroups(help: string): Record<string, string[]> {
  const groups = [...help.matchAll(/^([A-Z][^\n]*):\n((?: {2,}\S[^\n]*\n)+)/gm)];
  const found = groups.map(([, title, lines]) =>
    [title, [...lines.matchAll(/^ {2}(--[\w-]+)/gm)].map(([, name]) => name)] as const
  );
  return Object.fromEntries(found.filter(([, names]) => names.length > 0));
}

Deno.test("options are listed in groups of at most a dozen, those of all commands apart", async () => {
  for (const command of commands) {
    const groups = optionGroups((await lowrank("help", command)).stdout);
    for (const [title, { length }] of Object.entries(groups)) {
      assert(length <= 12, `${command}, ${title} ${length}`);
    }
    assertEquals(groups["Common options"].slice(-2), ["--quiet", "--help"], command);
  }
  const train = optionGroups((await lowrank("train", "--help")).stdout);
  const titles = [
    "What is trained, and on what",
    "Method",
    "Options of one method",
    "Steps",
    "Held-out texts",
    "What is saved",
  ];
  assertEquals(Object.keys(train), [...titles, "Common options"]);
  assertEquals(train["What is saved"], ["--output", "--dtype", "--checkpoint-every"]);
});

Deno.test("advice names the command as it is run: in a clone, from npm, from JSR and from a server", () => {
  const place = "src/cli/options.ts", npm = "/home/a/node_modules/@lowrank/core/src/cli/options.js";
  assertEquals(callFrom(`file:///home/a/lowrank/${place}`), "npx -y deno task lowrank");
  assertEquals(callFrom(`file://${npm}`), "npx @lowrank/core");
  const jsr = callFrom(`https://jsr.io/@lowrank/core/0.2.0/${place}`);
  assertEquals(jsr, "deno run -A jsr:@lowrank/core/cli");
  assertEquals(callFrom(`http://a.b:1/${place}`), "deno run -A http://a.b:1/cli.ts");
});

Deno.test("the version is the package's", async () => {
  const { version } = JSON.parse(sourceText("deno.json"));
  assertEquals((await lowrank("--version")).stdout, `${version}\n`);
});

Deno.test("an argument that is not understood gives one line and exit code 1", async () => {
  const all = "for a list of all, run npx -y deno task lowrank --help\n";
  await assertFails(["fly"], `unknown command 'fly': ${all}`);
  const usage = "npx -y deno task lowrank compare <one> <others...> [options]\n";
  await assertFails(["compare", "a"], `missing required argument 'others': it is ${usage}`);
  await assertFails(["inspect", model, "--model", "m"], "unknown option '--model': it is --base\n");
  const merge = ["merge", "--model", "m", "--output", "o"];
  const unknown = "unknown option '--adaptor' (did you mean --adapter?)";
  await assertFails([...merge, "--adaptor", "a"], unknown);
  await assertFails([...merge, "--adaptor=a"], unknown);
  await assertFails(merge, "required option '--adapter <folder>' not specified");
  await assertFails(["trian"], "unknown command 'trian'", "Did you mean train?");
  await assertFails(
    ["help", "fly"],
    "unknown command 'fly': for a list of all, run npx -y deno task lowrank --help",
  );
  await assertFails(["help", "trian"], "unknown command 'trian' (did you mean train?): for a list");
  await assertFails(
    ["memory", model, "--dtype", "f16"],
    "one of f32, mixed, nf4, nf4-double; for the base alone there is --base-dtype f16",
  );
  await assertFails(
    ["count"],
    "count needs one model, by its name or path or by --url, found none",
  );
  await assertFails(["memory"], "memory needs one model, by its name or path, found none");
  await assertFails(["merge"], "required option '--model <folder>' not specified\n");
  await assertFails(["count", "--model", model, "--rnak", "3"], "unknown option '--rnak'");
  const list = "for a list of all, run npx -y deno task lowrank";
  await assertFails(
    ["train", "--targets", "q"],
    `unknown option '--targets': ${list} train --help`,
  );
  await assertFails(["--targets"], `unknown option '--targets': ${list} --help`);
  await assertFails(["train", "--lr", "1"], "unknown option '--lr': it is --learning-rate");
  const bare = ["generate", "--model", model, "--prompt", "flp", "green:"];
  await assertFails(bare, "got 1: green:. A text with spaces needs quotes.");
  const most = ["generate", "--model", model, "--prompt", "a", "--max-tokens", "3"];
  await assertFails(most, "unknown option '--max-tokens' (did you mean --max-new-tokens?)");
  const output = ["quantize", model, "--output", "out"];
  await assertFails(output, "'--output': the folder to write is the second argument");
  await assertFails(["train", "--init=pissa"], `'--init': it is "init" of "method" in the file of`);
  await assertFails(["count", "--model", model, "surplus"], `found surplus and ${model}`);
  await assertFails(["memory", "--model", model, "surplus"], `found surplus and ${model}`);
  await assertFails(["devices", "surplus"], "too many arguments");
  await assertFails(["count", "gpt2", "gpt2-xl"], "too many arguments");
  await assertFails(["count", "--model", model, "--rank", "two"], "must be a whole number");
  await assertFails(["devices", "--device", "abacus"], "auto, cpu, webgpu");
  await assertFails(["count", "https://hub.test/me/mine"], "must be a folder, or hf:OWNER/NAME on");
  for (const seed of ["-1", "1.5", "NaN", "9007199254740992"]) {
    await assertFails(["inspect", model, "--seed", seed], "whole number");
  }
  await assertFails(["inspect", model, "--seed", "4294967296"], "whole number below 2^32");
});

Deno.test("devices lists cpu and says which is chosen", async () => {
  const { chosen, devices } = await lowrankJson("devices");
  const kinds = devices.map(({ kind }: { kind: string }) => kind);
  assert(kinds.includes("cpu") && kinds.includes(chosen));
  const fields = ["kind", "name", "software", "threads", "blas", "features"];
  for (const device of devices) assertEquals(Object.keys(device).sort(), [...fields].sort());
});

Deno.test("devices stars the one that --device names, and says so if there is none", async () => {
  const starred = ({ stdout }: { stdout: string }) => /^\* +(\w+)/m.exec(stdout)?.[1];
  assertEquals(starred(await lowrank("devices")), "cpu");
  const asked = await lowrank("devices", "--device", "webgpu");
  const isThere = /^[* ] +webgpu/m.test(asked.stdout);
  assertEquals(starred(asked), isThere ? "webgpu" : undefined);
  assertEquals(asked.stderr, isThere ? "" : "no webgpu device found\n");
  const { chosen } = await lowrankJson("devices", "--device", "webgpu");
  assertEquals(chosen, isThere ? "webgpu" : null);
});

Deno.test("devices chooses none where LOWRANK_REQUIRE_HARDWARE=1 would refuse it", async () => {
  const gpu = Object.getOwnPropertyDescriptor(navigator, "gpu");
  Object.defineProperty(navigator, "gpu", { value: undefined, configurable: true });
  try {
    await withVariables({ LOWRANK_REQUIRE_HARDWARE: "1", LOWRANK_DEVICE: "" }, async () => {
      const refused = await lowrankJson("devices", "--device", "auto");
      assertEquals(refused.chosen, null);
      assertStringIncludes(refused.refusal, "found no adapter: unset it, or ask for the cpu");
      assertEquals((await lowrankJson("devices", "--device", "cpu")).chosen, "cpu");
    });
  } finally {
    if (gpu) Object.defineProperty(navigator, "gpu", gpu);
    else Reflect.deleteProperty(navigator, "gpu");
  }
});

Deno.test("a model without its folder, or with a typing error, is found where there is one", async () => {
  const rest = ["--prompt", "a"], data = ["--data", "examples/flip.jsonl"];
  const meant = "found none at tiny-skills (did you mean models/tiny-skills?)\n";
  await assertFails(
    ["generate", "--model", "tiny-skills", ...rest],
    `--model needs a folder`,
    meant,
  );
  await assertFails(["quantize", "tiny-skills", "out"], meant);
  const wrong = "found none at models/tiny-skils (did you mean models/tiny-skills?)\n";
  await assertFails(["evaluate", "--model", "models/tiny-skils", ...data], wrong);
  await assertFails(["count", "tiny-skills"], "; did you mean models/tiny-skills?\n");
  const none = "required option '--model <folder>' not specified: give --model";
  for (const given of ["tiny-skills", "models/tiny-skills", "models/tiny-skills/"]) {
    await assertFails(["train", given, ...data], `${none} models/tiny-skills\n`);
  }
  await assertFails(["evaluate", "tiny-skills", ...data], `${none} models/tiny-skills\n`);
  await assertFails(["generate", "hf:me/tiny", ...rest], `${none} hf:me/tiny\n`);
  await assertFails(["generate", "no such", ...rest], `${none} 'no such'\n`);
  const adapter = "models/rank-study/qv-r8-seed1";
  await assertFails(["generate", adapter, ...rest], `${none} tiny-gpt2 --adapter ${adapter}\n`);
  // `models/rank-study` holds adapters, not a model.
  await assertFails(["generate", "--model", "rank-study", ...rest], "found none at rank-study\n");
});

Deno.test("as a process: one JSON document, notes on standard error, exit code 0", () =>
  withFolder(async (folder) => {
    const files = ["--input", golden("logits.json"), "--output", `${folder}/o.safetensors`];
    const ended = await outcomeOf(spawnLowrank("logits", "--model", model, ...files, "--json"));
    assertEquals(ended.code, 0, ended.stderr);
    assertEquals(JSON.parse(ended.stdout).output, `${folder}/o.safetensors`);
    assertMatch(ended.stderr, /^device: cpu, [^\n]+\n/);
  }));

Deno.test("as a process: an error is one line and exit code 1", async () => {
  const ended = await outcomeOf(spawnLowrank("count", "--model", "/nowhere"));
  assertFailed(
    ended,
    "cannot read /nowhere: it does not exist, and is none of the models known by name (gpt2, ",
  );
});

Deno.test("SIGINT stops training at the next step, keeps the adapter and the log, and exits 130", () =>
  withFolder(async (folder) => {
    const config = `${folder}/config.json`, output = `${folder}/out`;
    const method = { name: "lora", rank: 2 };
    await Deno.writeTextFile(config, JSON.stringify({ steps: 1e6, learningRate: 1e-3, method }));
    const batches = golden("trajectories/batches.json");
    const files = ["--model", model, "--batches", batches, "--config", config, "--output", output];
    const child = spawnLowrank("train", ...files, "--json");
    const stderr = await killAfter(child, "step 1 of 1000000");
    const { code } = await child.status;
    assertEquals(code, 130, stderr);
    const printed = JSON.parse(await new Response(child.stdout).text());
    const { loss } = JSON.parse(await Deno.readTextFile(`${output}/log.json`));
    assertEquals([printed.stopped, printed.steps], [true, loss.length]);
    assert(loss.length > 0 && loss.length < 1e6);
    const names = ["README.md", "adapter_config.json", "adapter_model.safetensors", "log.json"];
    assertEquals(filesIn(output), [...names, "run", "times.json"]); // with a checkpoint, to resume from
    const { modules } = await lowrankJson("inspect", output);
    assertEquals(modules.length, 4); // q and v of both layers
  }));

/** Sends SIGINT as soon as the program has said something; returns all that it said. */
async function killAfter(child: Deno.ChildProcess, words: string): Promise<string> {
  let text = "", isKilled = false;
  for await (const chunk of child.stderr.pipeThrough(new TextDecoderStream())) {
    text += chunk;
    if (isKilled || !text.includes(words)) continue;
    isKilled = true;
    child.kill("SIGINT");
  }
  return text;
}
