import { assertEquals } from "@std/assert";
import { rootPath } from "../../scripts/support/source_files.ts";

/** Signals that ask a program to end. */

const program = `import { Interrupt } from "./src/terminal/interrupt.ts";
const interrupt = new Interrupt().listen();
interrupt.signal.addEventListener("abort", () => console.log(interrupt.signal.reason.message));
setTimeout(() => Deno.exit(1), 20_000);
console.log("listening");`;

const cases: readonly [signals: readonly Deno.Signal[], code: number][] = [
  [["SIGINT", "SIGINT"], 130],
  [["SIGTERM", "SIGTERM"], 143],
  [["SIGHUP", "SIGINT"], 130],
  [["SIGINT", "SIGHUP", "SIGTERM"], 143],
];

for (const [signals, code] of cases) {
  const [first, ...more] = signals;
  Deno.test(`${first} is heard, and later ${more.join(" and ")} ends the process with code ${code}`, async () => {
    const ended = await stopProgram(first, async (child) => {
      for (const signal of more) await sendLater(child, signal);
    });
    assertEquals(ended, [`listening\nstopped by ${first}\n`, code]);
  });
}

Deno.test("a signal that comes twice at once, as to a group of processes, is heard once", async () => {
  const ended = await stopProgram("SIGTERM", async (child) => {
    child.kill("SIGTERM");
    await sendLater(child, "SIGINT");
  });
  assertEquals(ended, ["listening\nstopped by SIGTERM\n", 130]);
});

/** Starts the program, sends it a signal, and what else `then` sends; gives its output and exit code. */
async function stopProgram(
  first: Deno.Signal,
  then: (child: Deno.ChildProcess) => Promise<void>,
): Promise<[text: string, code: number]> {
  const child = new Deno.Command(Deno.execPath(), {
    args: ["eval", "--no-check", "--ext=ts", program],
    cwd: rootPath,
    stdout: "piped",
  }).spawn();
  let text = "";
  for await (const chunk of child.stdout.pipeThrough(new TextDecoderStream())) {
    text += chunk;
    if (text === "listening\n") child.kill(first);
    else await then(child);
  }
  return [text, (await child.status).code];
}

/** Leaves time to hear a signal before it sends the next one. */
async function sendLater(child: Deno.ChildProcess, signal: Deno.Signal): Promise<void> {
  await new Promise((resolve) => setTimeout(resolve, 500));
  child.kill(signal);
}
