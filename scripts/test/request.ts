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
  /** True if these are all jobs of the tiers. */
  readonly whole: boolean;
  /** Seconds after which no process begins anything more. */
  readonly within: number;
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
  if (rest.includes("--help")) throw new RangeError(usage);
  const times = takeOption(rest, "--times", "a file");
  const within = readSeconds(takeOption(rest, "--within", "seconds"));
  const changed = takeOption(rest, "--changed");
  if (within < Infinity && changed === undefined) throw new RangeError("--within needs --changed");
  const wanted = readTiers(takeOption(rest, "--tiers", "names of tiers") ?? "core,parts");
  const places = rest.flatMap((word) => placesOf(word, wanted)), whole = places.length === 0;
  const asked = jobsOf(wanted).filter(({ path }) => whole || isIn(path, places));
  if (changed === undefined) return { wanted, jobs: asked, whole, within, times };
  const files = changedFiles(changed);
  console.log(`${files.length} changed: ${files.slice(0, 5).join(", ")}${files[5] ? ", …" : ""}`);
  const jobs = nearest(asked, reachedBy(files));
  return { wanted, jobs, whole: false, within, times };
}

const usage = "deno task test takes folders and files (adapt, tests/core/json_test.ts), " +
  "--tiers NAMES, --changed [REVISION], --within SECONDS and --times FILE";

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

/** Takes `--name VALUE` out of the words, the last if there are several; "" where no value is needed. */
function takeOption(words: string[], name: string, needs?: string): string | undefined {
  let found: string | undefined;
  for (let place; (place = words.indexOf(name)) >= 0;) {
    const next = words[place + 1], hasValue = next !== undefined && !next.startsWith("--");
    if (needs && !hasValue) throw new RangeError(`${name} needs ${needs}, found none`);
    words.splice(place, hasValue ? 2 : 1);
    found = hasValue ? next : "";
  }
  return found;
}

/** The paths that `adapt` or `tests/core/json_test.ts` stands for. */
function placesOf(word: string, wanted: readonly Tier[]): readonly string[] {
  if (word.startsWith("-")) throw new RangeError(`there is no option ${word}: ${usage}`);
  const name = word.replace(/^\.\//, "").replace(/\/$/, "");
  const paths = [name, `tests/${name}`, `src/${name}`];
  const known = [...testFiles(wanted), ...documented()];
  if (known.some((path) => isIn(path, paths))) return paths;
  throw new RangeError(`${word} has no tests of ${wanted.join(" or ")}: ${usage}`);
}
