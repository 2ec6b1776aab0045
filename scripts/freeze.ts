/**
 * Freezes the package while issue 19 moves the house: `make` writes its state to `tests/freeze`,
 * `check` computes it again and prints each difference in a line, `measure` prints figures of the
 * house. To be deleted at the end.
 *
 *   deno run -A scripts/freeze.ts make [--only api,specs] [--job results.json]
 *   deno run -A scripts/freeze.ts check [--only api,specs,…] [--job results.json]
 *   deno run -A scripts/freeze.ts measure
 *
 * Lines that begin with "note" are no failures: docs, prose of help, names of private types, new sentences of tests.
 *
 * @module
 */

import { parseArgs } from "node:util";
import { type Api, compareApi, keysOf, readApi } from "./freeze/api.ts";
import { compareCommands, compareFiles, readCommands, writeInputs } from "./freeze/commands.ts";
import { compareJob, type Job, readJob } from "./freeze/job.ts";
import { measure } from "./freeze/measure.ts";
import { type Found, readMethods } from "./freeze/methods.ts";
import { deno, digest, families, frozenFolder, gitFiles, root, rootPath } from "./freeze/places.ts";
import { readFullSpecs, readSpecs } from "./freeze/specs.ts";
import { readSyntax } from "./freeze/syntax.ts";

/** One thing that is frozen, in a file of its name. */
interface Part {
  read(): Promise<unknown>;
  // deno-lint-ignore no-explicit-any -- each part knows its own
  compare(old: any, now: any): string[];
}

const strings = (what: string) => (old: Record<string, string>, now: Record<string, string>) =>
  keysOf(old, now).filter((key) => old[key] !== now[key])
    .map((key) => `${what} ${key}: ${now[key] ?? "absent"}, was ${old[key] ?? "absent"}`);

const parts: Readonly<Record<string, Part>> = {
  api: { read: readApi, compare: (old: Api, now: Api) => compareApi(old, now) },
  specs: { read: readSpecs, compare: strings("specification") },
  fullspecs: { read: readFullSpecs, compare: strings("specification") },
  golden: { read: goldenHashes, compare: (old, now) => compareFiles("golden", old, now) },
  methods: { read: readMethods, compare: compareMethods },
  commands: { read: readCommands, compare: compareCommands },
  sentences: { read: async () => (await readSyntax()).sentences, compare: compareSentences },
};

/** Slow parts, which are read where they are named, and by `make`. */
const slow = ["fullspecs"];

/** Each folder of golden data, and each file beside them; data that is added is a difference too. */
async function goldenHashes(): Promise<Record<string, string>> {
  const files = gitFiles("tests/golden"), found: Record<string, string> = {};
  for (const path of files) {
    const sum = await digest(await Deno.readFile(new URL(path, root)));
    found[path.slice("tests/golden/".length)] = sum.slice(0, 12);
  }
  return found;
}

function compareMethods(old: Record<string, Found>, now: Record<string, Found>): string[] {
  const lines: string[] = [];
  for (const name of keysOf(old, now)) {
    const [one, other] = [old[name], now[name]];
    if (!one || !other) {
      lines.push(`method ${name} is ${one ? "missing" : "new"}`);
      continue;
    }
    for (const key of keysOf(one, other)) {
      const [before, after] = [one[key], other[key]].map((value) => JSON.stringify(value));
      if (before === after) continue;
      if (key === "files" && one.files && other.files) {
        lines.push(...compareFiles(`method ${name}`, one.files as never, other.files as never));
      } else lines.push(`method ${name}: ${key} ${after ?? "absent"}, was ${before ?? "absent"}`);
    }
  }
  return lines;
}

/** A sentence that vanished is a difference; a new one is a note. */
function compareSentences(old: readonly string[], now: readonly string[]): string[] {
  const [before, after] = [new Set(old), new Set(now)];
  return [
    ...old.filter((one) => !after.has(one)).map((one) =>
      `no test quotes any more ${JSON.stringify(one)}`
    ),
    ...now.filter((one) => !before.has(one)).map((one) =>
      `note: a test quotes ${JSON.stringify(one)}`
    ),
  ];
}

/** Copies what parts read into a folder of its own and goes there: no path of this machine is in any file. */
async function enterScratch(): Promise<string> {
  const folder = await Deno.makeTempDir({ prefix: "freeze-" });
  for (const name of Object.values(families)) {
    const from = `tests/golden/${name}`;
    for (const path of gitFiles(from)) {
      const to = `${folder}/bases/${path.slice("tests/golden/".length)}`;
      await Deno.mkdir(to.slice(0, to.lastIndexOf("/")), { recursive: true });
      await Deno.copyFile(new URL(path, root), to);
    }
  }
  Deno.chdir(folder);
  for (const made of ["small", "adapters", "l", "g"]) await Deno.mkdir(made);
  await writeInputs();
  return folder;
}

const fileOf = (name: string) => new URL(`${name}.json`, frozenFolder);

async function readAll(names: readonly string[]): Promise<Record<string, unknown>> {
  const found: Record<string, unknown> = {}, folder = await enterScratch();
  try {
    for (const name of names) {
      const started = performance.now();
      found[name] = await parts[name].read();
      console.error(`${name}: ${((performance.now() - started) / 1000).toFixed(1)} s`);
    }
  } finally {
    Deno.chdir(rootPath);
    await Deno.remove(folder, { recursive: true });
  }
  return found;
}

async function make(names: readonly string[], job?: string): Promise<void> {
  await Deno.mkdir(frozenFolder, { recursive: true });
  const found = await readAll(names);
  if (job !== undefined) found.job = await readJob(job);
  for (const [name, value] of Object.entries(found)) {
    await Deno.writeTextFile(fileOf(name), `${JSON.stringify(value, null, 2)}\n`);
  }
  await deno(["fmt", "--quiet", frozenFolder.pathname]);
}

async function check(names: readonly string[], job?: string): Promise<number> {
  const now = await readAll(names), lines: string[] = [];
  for (const name of names) {
    const old = JSON.parse(await Deno.readTextFile(fileOf(name)));
    // What JSON cannot say is not compared: undefined fields.
    const own = parts[name].compare(old, JSON.parse(JSON.stringify(now[name])));
    lines.push(
      ...own.map((line) =>
        line.startsWith("note: ") ? `note: ${name}: ${line.slice(6)}` : `${name}: ${line}`
      ),
    );
  }
  if (job !== undefined) {
    const old: Job = JSON.parse(await Deno.readTextFile(fileOf("job")));
    lines.push(
      ...compareJob(old, await readJob(job)).map((line) =>
        `job: ${line}`.replace("job: note: ", "note: job: ")
      ),
    );
  }
  for (const line of lines) console.log(line.length > 700 ? `${line.slice(0, 700)}…` : line);
  const wrong = lines.filter((line) => !line.startsWith("note: ")).length;
  console.log(`${wrong} differences, ${lines.length - wrong} notes`);
  return wrong > 0 ? 1 : 0;
}

async function main(): Promise<number> {
  const text = { type: "string" } as const;
  const { values, positionals: [command] } = parseArgs({
    args: Deno.args,
    options: { only: text, job: text },
    allowPositionals: true,
  });
  // A job by itself is compared by itself.
  const chosen = values.only?.split(",") ??
    (command === "make"
      ? Object.keys(parts)
      : values.job === undefined
      ? Object.keys(parts).filter((name) => !slow.includes(name))
      : []);
  const unknown = chosen.find((name) => !Object.hasOwn(parts, name));
  if (unknown !== undefined) {
    throw new RangeError(`--only may have ${Object.keys(parts)}, found ${unknown}`);
  }
  if (command === "make") return await make(chosen, values.job), 0;
  if (command === "check") return await check(chosen, values.job);
  if (command === "measure") return await measure(), 0;
  throw new RangeError(`the command must be make, check or measure, found ${command}`);
}

if (import.meta.main) {
  // Before any module of ours reads it: sums in one order, on every machine.
  Deno.env.set("LOWRANK_BLAS", "off");
  for (const name of ["LOWRANK_DEVICE", "LOWRANK_REQUIRE_HARDWARE", "HF_TOKEN"]) {
    Deno.env.delete(name);
  }
  Deno.exit(await main());
}
