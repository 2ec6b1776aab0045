/** Tasks of both peers with their operations: split weights, choose the loss. @module */

import { NotRun } from "../protocol.ts";
import {
  base,
  batchOf,
  type Entry,
  gptEntries,
  layerEntries,
  loraEntries,
  tinyGpt,
  type Workload,
} from "../workloads.ts";
import {
  causalMask,
  type GptBatch,
  gptLoss,
  layerLoss,
  oneHot,
  type Operations,
  type Weights,
} from "./peer_models.ts";

/** A training step in a peer's terms. */
export interface PeerTask<T> {
  readonly name: string;
  /** Weights that Adam updates. */
  readonly trained: Weights<T>;
  /** Weights that it does not update. */
  readonly frozen: Weights<T>;
  loss(o: Operations<T>, trained: Weights<T>, frozen: Weights<T>): T;
}

type Put<T> = (data: Float32Array<ArrayBuffer>, shape: readonly number[]) => T;

function putAll<T>(put: Put<T>, entries: readonly Entry[]): Weights<T> {
  return Object.fromEntries(entries.map(({ name, shape, data }) => [name, put(data, shape)]));
}

/** The task of a workload, its tensors made by `put`. */
export function taskOf<T>(workload: Workload, put: Put<T>): PeerTask<T> {
  if (workload === "lora_linear") return layerTask(put);
  if (workload === "generate") throw new NotRun("the peer has no generation with a cache");
  if (workload === "low_rank") throw new NotRun("a comparison within Lowrank");
  return gptTask(workload, put);
}

function layerTask<T>(put: Put<T>): PeerTask<T> {
  const { A, B, ...rest } = layerEntries();
  return {
    name: "lora_linear",
    trained: putAll(put, [A, B]),
    frozen: putAll(put, Object.values(rest)),
    loss: (o, trained, frozen) => layerLoss(o, { ...frozen, ...trained }),
  };
}

function gptTask<T>(name: Workload, put: Put<T>): PeerTask<T> {
  const size = name === "pretrain" ? base : tinyGpt, { vocabulary, time } = size;
  const { inputs, targets } = batchOf(size), shape = [inputs.length, vocabulary];
  const weights = putAll(put, gptEntries(size));
  const batch = {
    inputs: put(oneHot(inputs, vocabulary), shape),
    targets: put(oneHot(targets, vocabulary), shape),
    mask: put(causalMask(time), [time, time]),
  };
  const adapted = name === "gpt_lora";
  return {
    name,
    trained: adapted ? putAll(put, loraEntries(size)) : weights,
    frozen: { ...batch, ...(adapted ? weights : {}) },
    loss: (o, trained, frozen) =>
      gptLoss(o, { ...frozen, ...trained }, frozen as unknown as GptBatch<T>, size),
  };
}
