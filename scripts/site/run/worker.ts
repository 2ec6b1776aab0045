/** The worker of a notebook's page: the kernel that runs its cells. @module */

import "../../../src/core/platform.ts"; // It finds that there is no Deno, before there is a small one.
import type { CellError, FromKernel, ToKernel } from "./calls.ts";
import { knowServedFiles } from "./kernel/served.ts";
import { load } from "./kernel/modules.ts";
import { lineOf, runCell } from "./kernel/scope.ts";
import { bundleOf, SmallDeno } from "./kernel/small_deno.ts";

/** Globals that a worker has. */
interface WorkerGlobals {
  onmessage: (event: MessageEvent<ToKernel>) => void;
  postMessage(message: FromKernel): void;
  Deno: object;
}

const worker = globalThis as unknown as WorkerGlobals;
const send = worker.postMessage.bind(worker);

/** The cell that runs, or ran last: its output is where a slider's warnings belong. */
let current = 0;

/** True while the library hears of the Stop button: its advice is for Jupyter. */
let isSilent = false;

const deno = new SmallDeno((output) => {
  if (!isSilent) send({ kind: "output", cell: current, output });
});
worker.Deno = deno.globals;
knowServedFiles();

const print = (name: "stdout" | "stderr") => (...values: unknown[]) => {
  const text = values.map((value) => typeof value === "string" ? value : inspect(value)).join(" ");
  send({
    kind: "output",
    cell: current,
    output: { type: "stream", content: { name, text: `${text}\n` } },
  });
};
const inspect = (value: unknown) => Deno.inspect(value);
Object.assign(console, {
  log: print("stdout"),
  info: print("stdout"),
  warn: print("stderr"),
  error: print("stderr"),
});

worker.onmessage = ({ data }) => void act(data);

async function act(message: ToKernel): Promise<void> {
  switch (message.kind) {
    case "load":
      for (const module of message.modules) await load(module, []).catch(() => {});
      return;
    case "run":
      return await run(message.cell, message.source);
    case "stop":
      return stop();
    case "ask": {
      const { id, address } = message, answer = await deno.answer(address);
      send({ kind: "answer", id, status: answer.status, text: await answer.text() });
    }
  }
}

/** Work that listens ends by itself; of other work the page says that it ended. */
function stop(): void {
  isSilent = true;
  deno.stop();
  isSilent = false;
}

async function run(cell: number, source: string): Promise<void> {
  current = cell;
  try {
    const last = await runCell(source);
    if (last !== undefined) await showLast(last);
    send({ kind: "done", cell });
  } catch (error) {
    send({ kind: "done", cell, error: errorOf(error) });
  }
}

/** An object may show itself and leave nothing to show. */
async function showLast(value: unknown): Promise<void> {
  const data = await bundleOf(value);
  if (Object.keys(data).length === 0) return;
  send({ kind: "output", cell: current, output: { type: "display_data", content: { data } } });
}

function errorOf(thrown: unknown): CellError {
  if (!(thrown instanceof Error)) return { name: "Error", message: String(thrown) };
  const { name, message } = thrown;
  return { name, message, line: lineOf(thrown) };
}
