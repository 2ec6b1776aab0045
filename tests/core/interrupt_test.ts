/** Signals that ask a program to end. */

import { assertEquals } from "@std/assert";
import { rootPath } from "../support/source_files.ts";

const program = `import { Interrupt } from "./src/core/interrupt.ts";
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
  Deno.test(`${first} is heard, and ${more.join(" and ")} ends the process with code ${code}`, async () => {
    const child = new Deno.Command(Deno.execPath(), {
      args: ["eval", "--no-check", "--ext=ts", program],
      cwd: rootPath,
      stdout: "piped",
    }).spawn();
    let text = "";
    for await (const chunk of child.stdout.pipeThrough(new TextDecoderStream())) {
      text += chunk;
      if (text === "listening\n") child.kill(first);
      else for (const signal of more) await send(child, signal);
    }
    assertEquals([text, (await child.status).code], [`listening\nstopped by ${first}\n`, code]);
  });
}

/** Sends a signal and leaves time to hear it before the next one. */
async function send(child: Deno.ChildProcess, signal: Deno.Signal): Promise<void> {
  child.kill(signal);
  await new Promise((resolve) => setTimeout(resolve, 200));
}
