/** Names of models by their places; apart, as no page has the module for paths. @module */

import { basename, resolve } from "node:path";

/**
 * The short name of a model: `gpt2` for `hf:openai-community/gpt2@main`, and for its folder in the
 * cache.
 */
export function modelName(path: string): string {
  const cached = /[\\/]models--[^\\/]+--([^\\/]+)[\\/]snapshots[\\/]/.exec(path)?.[1];
  const onHub = /^hf:[^/]+\/([^/@]+)(?:@[^/]+)?(?:\/(.+))?$/.exec(path);
  const inside = onHub ? onHub[2] ?? onHub[1] : path.replaceAll("\\", "/");
  return (cached ?? basename(resolve(inside))).toLowerCase();
}
