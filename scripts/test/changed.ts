/**
 * The tests that matter now: those that changed files reach.
 *
 * @module
 */

import { basename } from "node:path/posix";
import {
  packageRoots,
  rootPath,
  sourceFiles,
  sourceText,
  withoutComments,
} from "../support/source_files.ts";
import { Graph } from "./graph.ts";
import { documented, isIn, testFiles, tiers } from "./jobs.ts";

/**
 * Paths of files that differ from a revision, new ones included; without a revision those that are not
 * committed, or where there are none, those of the last commit.
 *
 * @throws {RangeError} when git knows no such revision.
 */
export function changedFiles(revision: string): string[] {
  const news = git("ls-files", "--others", "--exclude-standard");
  const since = (
    revision: string,
  ) => [...git("diff", "--name-only", "--no-renames", revision), ...news];
  if (revision) return since(revision);
  const open = since("HEAD");
  return open.length > 0 ? open : since("HEAD~1");
}

/** The lines that git prints. */
function git(...args: string[]): string[] {
  const { success, stdout, stderr } = new Deno.Command("git", { args, cwd: rootPath }).outputSync();
  if (success) return new TextDecoder().decode(stdout).split("\n").filter(Boolean);
  throw new RangeError(`--changed needs a revision: ${new TextDecoder().decode(stderr).trim()}`);
}

/** Folders and files of code. */
const codeRoots = [...packageRoots, "tests", "scripts", "bench", "playground", "slides"];

/**
 * Steps by imports from changed files to the files that they reach, examples included. A file that is no
 * code reaches the tests that name it or a folder of it, in one step more; every file reaches the tests of the whole
 * tree.
 */
export function reachedBy(changed: readonly string[]): Map<string, number> {
  const files = sourceFiles(codeRoots);
  const others = changed.filter((path) => !path.endsWith(".ts")).map(sayingOf);
  const naming = files.filter((file) => /^(tests|scripts)\//.test(file) && saysAny(file, others));
  const graph = new Graph(files), reached = graph.distances(changed);
  const reach = (path: string, steps: number) =>
    reached.set(path, Math.min(steps, reached.get(path) ?? Infinity));
  for (const [file, steps] of graph.distances(naming)) reach(file, steps + 1);
  for (const file of testFiles(tiers)) if (file.split("/").length === 2) reach(file, 1);
  for (const path of documented()) if (changed.some((file) => isIn(file, [path]))) reach(path, 0);
  return reached;
}

/** Words of a test that reads `docs/devices.md`: its name, or a text that begins with one of its folders. */
function sayingOf(path: string): RegExp {
  const name = basename(path), folders = path.split("/").slice(0, -1).map(RegExp.escape);
  const named = RegExp.escape(name.includes(".") ? name : path);
  return new RegExp(`${named}|["'\`}](?:${folders.join("|") || named})["'\`/]`);
}

function saysAny(file: string, sayings: readonly RegExp[]): boolean {
  const code = withoutComments(sourceText(file));
  return sayings.some((saying) => saying.test(code));
}
