/** Signals that ask a program to end. */

import { assertEquals } from "@std/assert";
import { rootPath } from "../support/source_files.ts";

const program = `import { Interrupt } from "./src/core/interrupt.ts";
const interrupt = new Interrupt().listen();
interrupt.signal.addEventListener("abort", () => console.log(interrupt.signal.reason.message));
setTimeout(() => Deno.exit(1), 20_000);
console.log("listening");`;

for (const [signal, code] of [["SIGINT", 130], ["SIGTERM", 143], ["SIGHUP", 129]] as const) {
  Deno.test(`the first ${signal} is heard, and a second one ends the process with code ${code}`, async () => {
    const child = new Deno.Command(Deno.execPath(), {
      args: ["eval", "--no-check", "--ext=ts", program],
      cwd: rootPath,
      stdout: "piped",
    }).spawn();
    let text = "", sent = 0;
    for await (const chunk of child.stdout.pipeThrough(new TextDecoderStream())) {
      text += chunk;
      for (const lines = text.split("\n").length - 1; sent < lines; sent++) child.kill(signal);
    }
    assertEquals([text, (await child.status).code], [`listening\nstopped by ${signal}\n`, code]);
  });
}
