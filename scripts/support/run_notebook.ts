/**
 * Runs a notebook's cells in order and says what is wrong with what they showed.
 *
 * @module
 */

import { type Execution, Kernel } from "./kernel_client.ts";
import { codeCells, type Notebook } from "./notebook_file.ts";

/** A cell that calls one of these shows something. */
const showing =
  /\b(show|check|setup|slider|stoppable|runExperiment|liveFigure|predict|progress|reveal)\(/;

/** Result of a run. */
export interface NotebookRun {
  /** One for each code cell that ran. */
  executions: Execution[];
  /** One sentence each; none where all is well. */
  problems: string[];
  seconds: number;
}

/** Options of a run. */
export interface RunOptions {
  /** The folder that the kernel starts in. */
  cwd: string;
  env?: Record<string, string>;
  /** The limit of one cell. */
  timeoutMs?: number;
}

/** Runs until the first error; the kernel is new and ends with the run. */
export async function runNotebook(notebook: Notebook, options: RunOptions): Promise<NotebookRun> {
  const start = performance.now(), { timeoutMs = 180_000, ...place } = options;
  const executions: Execution[] = [], cells = codeCells(notebook);
  await using kernel = await Kernel.start(place);
  for (const { source } of cells) {
    executions.push(await kernel.execute(source, timeoutMs));
    if (executions.at(-1)!.status !== "ok") break;
  }
  const problems = executions.flatMap((execution, index) =>
    problemsOf(execution, cells[index].source).map((what) => `cell ${cells[index].id}: ${what}`)
  );
  return { executions, problems, seconds: (performance.now() - start) / 1000 };
}

/** Problems of one cell's execution. */
export function problemsOf({ status, outputs, late }: Execution, source: string): string[] {
  const problems = outputs.flatMap((output) => {
    if (output.output_type === "error") return [output.traceback.join("\n") || output.evalue];
    const isError = output.output_type === "stream" && output.name === "stderr";
    return isError ? [`wrote to stderr: ${output.text}`] : [];
  });
  if (outputs.length === 0) {
    if (status !== "ok") problems.push("failed and showed nothing: a syntax error?");
    else if (showing.test(source)) {
      problems.push("showed nothing: does an import name a missing export?");
    }
  }
  if (late > 0) problems.push(`${late} output(s) came after the cell had ended`);
  return problems;
}

/** The notebook with the outputs of the run in the place of its own. */
export function withOutputs(notebook: Notebook, { executions }: NotebookRun): Notebook {
  let next = 0;
  const cells = notebook.cells.map((cell) => {
    if (cell.cell_type !== "code") return cell;
    const execution = executions[next++];
    const { executionCount = null, outputs = [] } = execution ?? {};
    return { ...cell, execution_count: executionCount, outputs: [...outputs] };
  });
  return { ...notebook, cells };
}
