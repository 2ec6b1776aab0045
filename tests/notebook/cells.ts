/** Cells in a kernel of their own, with the notebook entry set up. */

import { assertEquals } from "@std/assert";
import { Kernel } from "../../scripts/support/kernel_client.ts";
import type { Bundle, Output } from "../../scripts/support/notebook_outputs.ts";
import { rootPath } from "../../scripts/support/source_files.ts";

const setupCell = `import * as notebook from "@lowrank/core/notebook";
const { check, liveFigure, progress, runExperiment, setup, show, slider, stoppable, tex } = notebook;
await setup();`;

/** Result of a cell. */
export interface Cell {
  status: string;
  outputs: readonly Output[];
}

/** Runs cells in one kernel. */
export class Cells implements AsyncDisposable {
  readonly kernel: Kernel;

  private constructor(kernel: Kernel) {
    this.kernel = kernel;
  }

  /** Starts a kernel and runs the cell that every notebook begins with. */
  static async start(): Promise<Cells> {
    const cells = new Cells(await Kernel.start({ cwd: rootPath + "tests/notebook" }));
    assertEquals((await cells.run(setupCell)).status, "ok");
    return cells;
  }

  /** Runs a cell; nothing of it may come after its end. */
  async run(code: string, onOutput?: () => void): Promise<Cell> {
    const { status, outputs, late } = await this.kernel.execute(code, 60_000, onOutput);
    assertEquals(late, 0);
    return { status, outputs };
  }

  /** Runs a cell that must show one bundle. */
  async bundle(code: string): Promise<Bundle> {
    const { status, outputs } = await this.run(code);
    assertEquals([status, outputs.length], ["ok", 1], JSON.stringify(outputs));
    return bundleOf(outputs[0]);
  }

  /** The plain text of a cell that must show one bundle. */
  async text(code: string): Promise<string> {
    return String((await this.bundle(code))["text/plain"]);
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.kernel[Symbol.asyncDispose]();
  }
}

/** An output's data. */
export function bundleOf(output: Output): Bundle {
  if ("data" in output) return output.data;
  throw new Error(`a bundle is expected, found ${JSON.stringify(output)}`);
}
