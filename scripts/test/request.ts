/**
 * The words of `deno task test`: folders and files, `--tiers`, `--changed [REV]`, `--within SECONDS`,
 * `--times FILE`.
 *
 * @module
 */

import { changedFiles, reachedBy } from "./changed.ts";
import {
  documented,
  isIn,
  type Job,
  jobsOf,
  nearest,
  testFiles,
  type Tier,
  tiers,
} from "./jobs.ts";

/** The tests to run. */
export interface Request {
  readonly wanted: readonly Tier[];
  readonly jobs: readonly Job[];
  /** Reached by a change, but too far away for the seconds that were given. */
  readonly left: readonly Job[];
  /** The file that is to hold the seconds of every file. */
  readonly times?: string;
}

/**
 * Reads the words of the command line.
 *
 * @throws {RangeError} when a tier is unknown, an option lacks its value, or a word is no folder or file with tests.
 */
export function readRequest(words: readonly string[]): Request {
  const rest = [...words];
  const times = takeOption(rest, "--times", "a file");
  const within = readSeconds(takeOption(rest, "--within", "seconds"));
  const changed = takeOption(rest, "--changed");
  if (within < Infinity && changed === undefined) throw new RangeError("--within needs --changed");
  const wanted = readTiers(takeOption(rest, "--tiers", "names of tiers") ?? "core,parts");
  const places = rest.flatMap((word) => placesOf(word, wanted));
  const asked = jobsOf(wanted).filter(({ path }) => places.length === 0 || isIn(path, places));
  if (changed === undefined) return { wanted, jobs: asked, left: [], times };
  const steps = reachedBy(changedFiles(changed));
  return { wanted, times, ...nearest(asked, steps, within) };
}

/** Reads the seconds of `--within`. */
function readSeconds(text = "Infinity"): number {
  if (Number(text) > 0) return Number(text);
  throw new RangeError(`--within needs seconds above 0, found ${text}`);
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
function placesOf(word: string, wanted: readonly Tier[]): readonly string[] {
  const name = word.replace(/^\.\//, "").replace(/\/$/, "");
  const paths = [name, `tests/${name}`, `src/${name}`];
  const known = [...testFiles(wanted), ...documented()];
  if (known.some((path) => isIn(path, paths))) return paths;
  throw new RangeError(`tests are run by tier, folder or file; found ${word}, which has none`);
}
