/** Every kind of input that comes from outside. @module */

import type { Kind } from "./kind.ts";
import { adapterConfigs, adapterFolders, patternsOfModules, sites } from "./kinds/adapters.ts";
import { foreignAdapters } from "./kinds/foreign.ts";
import { modelConfigs, modelFolders } from "./kinds/models.ts";
import { runFolders } from "./kinds/run_folders.ts";
import { checkpoints, runSpecs } from "./kinds/runs.ts";
import { headers, shardIndexes, wholeFiles } from "./kinds/safetensors.ts";
import { textFiles } from "./kinds/texts.ts";
import { tokenizers } from "./kinds/tokenizers.ts";
import { batches, cases, trainConfigs } from "./kinds/training.ts";

/** All of them. */
export const kinds: readonly Kind[] = [
  headers,
  wholeFiles,
  shardIndexes,
  adapterConfigs,
  adapterFolders,
  sites,
  patternsOfModules,
  foreignAdapters,
  modelConfigs,
  modelFolders,
  tokenizers,
  textFiles,
  batches,
  cases,
  trainConfigs,
  runSpecs,
  checkpoints,
  runFolders,
];
