/**
 * A cell's outputs, made of the messages of a kernel: nbformat's outputs, in the order in which
 * they came, with updates by `display_id` and `clear_output` applied.
 *
 * @module
 */

import type { Message } from "./jupyter_messages.ts";

/** A MIME bundle. */
export type Bundle = Record<string, unknown>;

/** One output as nbformat 4.5 has it. */
export type Output =
  | { output_type: "stream"; name: string; text: string }
  | { output_type: "display_data"; data: Bundle; metadata: Bundle }
  | { output_type: "execute_result"; data: Bundle; metadata: Bundle; execution_count: number }
  | { output_type: "error"; ename: string; evalue: string; traceback: string[] };

/** The outputs of one cell while they come. */
export class CellOutputs {
  readonly outputs: Output[] = [];
  readonly #shown: Map<string, Output>;
  #clearNext = false;

  /** `shown` holds every display of the notebook that has an id: any cell may update it. */
  constructor(shown: Map<string, Output>) {
    this.#shown = shown;
  }

  /** Takes one message of the iopub channel; returns whether it was an output. */
  take({ header, content }: Message): boolean {
    switch (header.msg_type) {
      case "stream":
        this.#stream(content.name, content.text);
        return true;
      case "display_data":
      case "execute_result":
      case "error": {
        const { transient, ...rest } = content;
        const output = { output_type: header.msg_type, ...rest } as Output;
        this.#add(output);
        if (transient?.display_id) this.#shown.set(transient.display_id, output);
        return true;
      }
      case "update_display_data":
        this.#update(content);
        return true;
      case "clear_output":
        if (content.wait) this.#clearNext = true;
        else this.outputs.length = 0;
        return true;
      default:
        return false;
    }
  }

  #add(output: Output): void {
    if (this.#clearNext) this.outputs.length = 0;
    this.#clearNext = false;
    this.outputs.push(output);
  }

  /** Text that follows text of the same stream joins it. */
  #stream(name: string, text: string): void {
    const last = this.outputs.at(-1);
    if (!this.#clearNext && last?.output_type === "stream" && last.name === name) last.text += text;
    else this.#add({ output_type: "stream", name, text });
  }

  #update({ data, metadata, transient }: Message["content"]): void {
    const output = this.#shown.get(transient?.display_id);
    if (output && "data" in output) Object.assign(output, { data, metadata });
  }
}
