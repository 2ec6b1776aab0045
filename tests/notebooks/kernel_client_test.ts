import { assert, assertEquals, assertMatch, assertRejects } from "@std/assert";
import { Kernel } from "../../scripts/support/kernel_client.ts";
import { makeNotebook } from "../support/make_notebook.ts";
import { readNotebook } from "../../scripts/support/notebook_file.ts";
import { normalNotebook } from "../../scripts/support/notebook_normal.ts";
import { problemsOf, runNotebook, withOutputs } from "../../scripts/support/run_notebook.ts";
import { rootPath } from "../../scripts/support/source_files.ts";

const cwd = `${rootPath}tests/notebooks/fixtures`;

const runCells = (...sources: string[]) => runNotebook(makeNotebook(...sources), { cwd });

const isAlive = (pid: number): boolean => {
  try {
    Deno.kill(pid, "SIGCONT");
    return true;
  } catch {
    return false;
  }
};

Deno.test("every output of a notebook is under its own cell, in order", async () => {
  const notebook = await readNotebook(`${cwd}/plain.ipynb`);
  const run = await runNotebook(notebook, { cwd });
  assertEquals(run.problems, []);
  assertEquals(normalNotebook(withOutputs(notebook, run)), notebook);
});

Deno.test("output that is sent after idle, updated or cleared ends in its own cell", async () => {
  const send = (id: string, text: string, update = false) =>
    `await Deno.jupyter.display({ "text/plain": "${text}" }, ` +
    `{ raw: true, display_id: "${id}", update: ${update} });`;
  const { executions, problems } = await runCells(
    "setTimeout(() => console.log('after idle'), 50);\nundefined;",
    send("bar", "half"),
    send("bar", "done", true) + send("other", "here"),
    "console.log('gone'); await Deno.jupyter.broadcast('clear_output', { wait: true });" +
      "console.log('stays');",
  );
  const texts = executions.map(({ outputs }) =>
    outputs.map((output) =>
      output.output_type === "stream"
        ? output.text
        : "data" in output
        ? output.data["text/plain"]
        : ""
    )
  );
  assertEquals(problems, []);
  assertEquals(texts, [["after idle\n"], ["done"], ["here"], ["stays\n"]]);
});

Deno.test("an error, a silent cell and stderr are problems", async () => {
  const problem = async (...cells: string[]) => (await runCells(...cells)).problems.join("\n");
  assertMatch(await problem("throw new Error('too bad')"), /^cell c0: Error: too bad/);
  assertMatch(await problem("const a = (1;"), /^cell c0: failed and showed nothing/);
  assertMatch(await problem("const show = () => {};\nshow()"), /^cell c0: showed nothing/);
  assertMatch(await problem("console.error('red')"), /^cell c0: wrote to stderr: red/);
});

Deno.test("output long after idle still goes to its cell, and is reported as a problem", async () => {
  await using kernel = await Kernel.start({ cwd });
  const source = "setTimeout(() => console.log('late'), 300);\nundefined;";
  const { promise: came, resolve } = Promise.withResolvers<void>();
  const execution = await kernel.execute(source, 10_000, resolve);
  assertEquals(execution.outputs, []);
  await came;
  assertEquals(execution.outputs, [{ output_type: "stream", name: "stdout", text: "late\n" }]);
  assertEquals(problemsOf(execution, source), ["1 output(s) came after the cell had ended"]);
});

Deno.test("a cell that does not end, and a kernel that dies, reject and leave no process", async () => {
  let pid: number;
  {
    await using kernel = await Kernel.start({ cwd });
    pid = kernel.pid;
    await assertRejects(
      () => kernel.execute("await new Promise(() => {});", 300),
      Error,
      "waited 0.3 s for the cell to end",
    );
    assert(isAlive(pid));
  }
  assert(!isAlive(pid));
  await using kernel = await Kernel.start({ cwd });
  await assertRejects(() => kernel.execute("Deno.exit(3);", 10_000), Error, "ended with code 3");
});

Deno.test("an interrupt reaches the kernel, and state is kept where it listens", async () => {
  await using kernel = await Kernel.start({ cwd });
  const listen = "const stop = new AbortController(); let steps = 0;\n" +
    "Deno.addSignalListener('SIGINT', () => stop.abort());";
  await kernel.execute(listen, 10_000);
  const loop = "while (!stop.signal.aborted) {\n  if (steps++ === 3) console.log('running');\n" +
    "  await new Promise((resolve) => setTimeout(resolve, 5));\n}\n'stopped';";
  const running = kernel.execute(loop, 10_000, () => kernel.interrupt());
  assertEquals((await running).status, "ok");
  const { outputs } = await kernel.execute("steps > 3", 10_000);
  assertEquals("data" in outputs[0] && outputs[0].data["text/plain"], "true");
});
