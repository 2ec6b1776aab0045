/** Every kind of input that comes from outside. @module */

import type { Kind } from "./kind.ts";
import { adapterExtras } from "./kinds/adapter_extras.ts";
import {
  adapterConfigs,
  adapterFolders,
  lenientFolders,
  patternsOfModules,
  sites,
} from "./kinds/adapters.ts";
import { combinedAdapters, tunedModels } from "./kinds/algebra.ts";
import { bottleneckFolders } from "./kinds/bottlenecks.ts";
import { kohyaAdapters, loralibAdapters } from "./kinds/dialects.ts";
import { familyFolders, runnableConfigs } from "./kinds/families.ts";
import { foreignAdapters } from "./kinds/foreign.ts";
import { ggufModels } from "./kinds/gguf.ts";
import { hubAnswers, hubCaches, hubDownloads } from "./kinds/hub.ts";
import { modelConfigs, modelFolders } from "./kinds/models.ts";
import { quantizedFiles } from "./kinds/quantized.ts";
import { runFolders } from "./kinds/run_folders.ts";
import { checkpoints, runSpecs } from "./kinds/runs.ts";
import { headers, shardIndexes, wholeFiles } from "./kinds/safetensors.ts";
import { meteorTables, referencedOutputs, zipArchives } from "./kinds/text_metrics.ts";
import { labeledTexts, textFiles } from "./kinds/texts.ts";
import { familyTokenizers, tokenizers } from "./kinds/tokenizers.ts";
import { batches, cases, sweeps, trainConfigs } from "./kinds/training.ts";

/** All of them. */
export const kinds: readonly Kind[] = [
  headers,
  wholeFiles,
  shardIndexes,
  quantizedFiles,
  ggufModels,
  adapterConfigs,
  adapterFolders,
  lenientFolders,
  adapterExtras,
  bottleneckFolders,
  kohyaAdapters,
  loralibAdapters,
  sites,
  patternsOfModules,
  foreignAdapters,
  combinedAdapters,
  tunedModels,
  modelConfigs,
  modelFolders,
  runnableConfigs,
  familyFolders,
  hubAnswers,
  hubDownloads,
  hubCaches,
  tokenizers,
  familyTokenizers,
  textFiles,
  labeledTexts,
  referencedOutputs,
  zipArchives,
  meteorTables,
  batches,
  cases,
  trainConfigs,
  sweeps,
  runSpecs,
  checkpoints,
  runFolders,
];
