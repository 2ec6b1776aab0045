/** The name of a model, without its place. @module */

import { basename, resolve } from "node:path";

/** What a model is called wherever it is: `gpt2` of `hf:openai-community/gpt2@main`, and of its place in the cache. */
export function modelName(path: string): string {
  const cached = /[\\/]models--[^\\/]+--([^\\/]+)[\\/]snapshots[\\/]/.exec(path)?.[1];
  const onHub = /^hf:[^/]+\/([^/@]+)(?:@[^/]+)?(?:\/(.+))?$/.exec(path);
  const inside = onHub ? onHub[2] ?? onHub[1] : path.replaceAll("\\", "/");
  return (cached ?? basename(resolve(inside))).toLowerCase();
}
