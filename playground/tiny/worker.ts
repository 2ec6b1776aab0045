/** The worker of the page, where the tiny GPT-2 computes. @module */

import { openChosen } from "../chosen_device.ts";
import type { Answer, Call, Calls, TuningRequest } from "./calls.ts";
import { loadBase, type TinyBase, Tuning } from "./tuning.ts";

/** Globals that a worker has and a page has not. */
interface WorkerGlobals {
  onmessage: (event: MessageEvent<Call>) => void;
  postMessage(answer: Answer): void;
}

const worker = globalThis as unknown as WorkerGlobals;

let base: TinyBase | undefined, tuning: Tuning | undefined;

/** Answers the page, one call after the other. */
export function answerCalls(): void {
  let work = Promise.resolve();
  worker.onmessage = ({ data }) => {
    work = work.then(() => run(data))
      .then((value) => ({ value }), (error) => ({ error: (error as Error).message }))
      .then((answer) => worker.postMessage(answer));
  };
}

const run = ({ name, given }: Call): Promise<unknown> =>
  name === "open" ? open(...given) : Reflect.apply(tuning![name], tuning, given);

const open: Calls["open"] = async ({ files, device: kind, lines, settings }) => {
  await tuning?.[Symbol.asyncDispose]();
  tuning = undefined;
  if (base?.model.device.kind !== kind) await openBase({ files, device: kind });
  tuning = new Tuning(base!, lines, settings);
  const { data: { notes: [notes] }, adapter: { parameterCount: parameters } } = tuning;
  const { description: computedBy } = base!.model.device;
  return [{ settings, lines, computedBy, notes, parameters }, await tuning.read()];
};

/** The base moves to another device. */
async function openBase({ files, device: kind }: Pick<TuningRequest, "files" | "device">) {
  const before = base?.model;
  base = undefined;
  before?.[Symbol.dispose]();
  before?.device[Symbol.dispose]();
  base = await loadBase(await openChosen(kind), files);
}
