/**
 * The words of `deno task test`: folders and files, `--tiers`, `--changed [REV]`, `--times FILE`.
 *
 * @module
 */

import { basename } from "node:path";
import { importsAmong } from "../../tests/support/layers.ts";
import { rootPath, sourceFiles, sourceText } from "../../tests/support/source_files.ts";
import { documented, type Job, testFiles, type Tier, tiers } from "./jobs.ts";

/** The tests to run. */
export interface Request {
  readonly wanted: readonly Tier[];
  /** True for the jobs to run. */
  readonly select: (job: Job) => boolean;
  /** The file that is to hold the seconds of every file. */
  readonly times?: string;
}

/**
 * Reads the words of the command line.
 *
 * @throws {RangeError} when a tier is unknown, an option lacks its value, or a word is no folder or file with tests.
 */
export async function readRequest(words: readonly string[]): Promise<Request> {
  const left = [...words];
  const times = takeOption(left, "--times", "a file");
  const changed = takeOption(left, "--changed");
  const wanted = readTiers(takeOption(left, "--tiers", "names of tiers") ?? tiers.join(","));
  const places = left.map((word) => placeOf(word, wanted));
  const reached = changed === undefined
    ? undefined
    : await reachedBy(changedFiles(changed || "HEAD"));
  const select = ({ path }: Job) =>
    (places.length === 0 || places.some((place) => isIn(path, place))) &&
    (reached?.has(path) ?? true);
  return { wanted, select, times };
}

/** Reads `core,parts`. */
function readTiers(names: string): Tier[] {
  const isTier = (name: string): name is Tier => (tiers as readonly string[]).includes(name);
  return names.split(",").map((name) => {
    if (isTier(name)) return name;
    throw new RangeError(`--tiers needs names of ${tiers.join(", ")}, found ${name}`);
  });
}

/** Takes `--name VALUE` out of the words; "" where an option without a value is allowed. */
function takeOption(words: string[], name: string, needs?: string): string | undefined {
  const place = words.indexOf(name);
  if (place < 0) return undefined;
  const next = words[place + 1];
  const hasValue = next !== undefined && !next.startsWith("--");
  if (needs && !hasValue) throw new RangeError(`${name} needs ${needs}, found none`);
  words.splice(place, hasValue ? 2 : 1);
  return hasValue ? next : "";
}

/** The paths that `adapt` or `tests/core/json_test.ts` stands for. */
function placeOf(word: string, wanted: readonly Tier[]): readonly string[] {
  const name = word.replace(/^\.\//, "").replace(/\/$/, "");
  const paths = [name, `tests/${name}`, `src/${name}`];
  const known = [...testFiles(wanted), ...documented()];
  if (known.some((path) => isIn(path, paths))) return paths;
  throw new RangeError(`tests are run by tier, folder or file; found ${word}, which has none`);
}

const isIn = (path: string, places: readonly string[]): boolean =>
  places.some((place) => path === place || path.startsWith(`${place}/`));

/** Paths of files that differ from a revision, new ones included. */
function changedFiles(revision: string): string[] {
  const git = (...args: string[]) => {
    const { success, stdout, stderr } = new Deno.Command("git", { args, cwd: rootPath })
      .outputSync();
    if (success) return new TextDecoder().decode(stdout).split("\n").filter(Boolean);
    throw new RangeError(`--changed needs a revision: ${new TextDecoder().decode(stderr).trim()}`);
  };
  return [
    ...git("diff", "--name-only", revision),
    ...git("ls-files", "--others", "--exclude-standard"),
  ];
}

/**
 * The jobs that changed files reach: tests that import one, directly or not, or name one; tests of the
 * whole tree; and the examples in them.
 */
export async function reachedBy(changed: readonly string[]): Promise<Set<string>> {
  const files = sourceFiles([
    "tests",
    "src",
    "kernels",
    "experiments",
    "scripts",
    "bench",
    "mod.ts",
    "cli.ts",
  ])
    .filter((path) => !path.endsWith(".as.ts"));
  const importers = Map.groupBy(await importsAmong(files), ({ to }) => to);
  const reached = new Set(changed);
  for (const file of reached) importers.get(file)?.forEach(({ from }) => reached.add(from));
  const names = changed.map((path) => basename(path));
  for (const file of testFiles(tiers)) {
    const wholeTree = file.split("/").length === 2;
    if (wholeTree || names.some((name) => sourceText(file).includes(name))) reached.add(file);
  }
  for (const path of documented()) {
    if (changed.some((file) => isIn(file, [path]))) reached.add(path);
  }
  return reached;
}
