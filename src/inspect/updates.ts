/** The names of updates in tables and figures. @module */

import { boundsOf } from "../core/numbers.ts";

/**
 * Names without the leading parts that they all share: `0.attn.c_attn` of
 * `transformer.h.0.attn.c_attn`.
 */
export function shortNames(names: readonly string[]): string[] {
  const paths = names.map((name) => name.split("."));
  const most = boundsOf(paths.map((path) => path.length))[0] - 1;
  let shared = 0;
  while (shared < most && paths.every((path) => path[shared] === paths[0][shared])) shared++;
  return paths.map((path) => path.slice(shared).join("."));
}

/** What {@link shortNames} leaves out: `transformer.h.`; empty if they share nothing. */
export function sharedPrefix(names: readonly string[]): string {
  const [name] = names, [short] = shortNames(names);
  return name.slice(0, name.length - short.length);
}
