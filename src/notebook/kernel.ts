/** The Jupyter kernel that runs this program, if there is one. @module */

import { terminalText } from "../core/errors.ts";
import type { MimeBundle } from "../figures/show.ts";

/** The part of `Deno.jupyter` that we use. */
interface Kernel {
  /** Sends a message to all front ends. Deno's types say that it returns a promise; Deno 2.9.6 returns nothing. */
  broadcast(type: string, content: Readonly<Record<string, unknown>>): Promise<void> | void;
}

/** Messages still in transit when a cell ends appear below the next one. Measured: 40 ms is enough. */
const flushMs = 40, mostPauses = 10;

/** The kernel that runs this program; undefined in a terminal, where reading `Deno.jupyter` throws. */
function kernel(): Kernel | undefined {
  try {
    return (Deno as unknown as { jupyter: Kernel }).jupyter;
  } catch {
    return undefined;
  }
}

/** True in a notebook. */
export function inNotebook(): boolean {
  return kernel() !== undefined;
}

/** Shows a bundle; one with an `id` can be replaced by {@link update}. */
export async function display(data: MimeBundle, id?: string): Promise<void> {
  await kernel()?.broadcast("display_data", content(data, id));
}

/** Replaces the output under an `id`, in any cell. */
export async function update(data: MimeBundle, id: string): Promise<void> {
  await kernel()?.broadcast("update_display_data", content(data, id));
}

/** Prints a warning in red, below the cell that is running or ran last. */
export function warn(text: string): void {
  const jupyter = kernel();
  if (jupyter) jupyter.broadcast("stream", { name: "stderr", text: `${text}\n` });
  else console.error(terminalText(text));
}

/** Prints the output of a cell, in a terminal. */
export function printText(text: string): void {
  console.log(terminalText(text));
}

/** Waits until messages sent so far have reached their cell: again while a busy machine makes the pause longer. */
export async function flush(): Promise<void> {
  for (let pause = 0; inNotebook() && pause < mostPauses; pause++) {
    const started = performance.now();
    await wait(flushMs);
    if (performance.now() - started < 1.5 * flushMs) return;
  }
}

/** A pause in milliseconds. */
export function wait(ms: number): Promise<void> {
  return new Promise((resolve) => setTimeout(resolve, ms));
}

/** JupyterLab writes the first line of a folded output beside the fold: a space, and not the result. */
const firstLine = " ";

function content(bundle: MimeBundle, id?: string) {
  const type = ["text/html", "image/svg+xml"].find((type) => bundle[type] !== undefined);
  const data = type === undefined ? bundle : { ...bundle, [type]: `${firstLine}\n${bundle[type]}` };
  return { data, metadata: {}, transient: id === undefined ? {} : { display_id: id } };
}
