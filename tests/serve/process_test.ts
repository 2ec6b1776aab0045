/** `lowrank serve` as a process: its start, its end, and what a kill leaves. */

import { assertEquals, assertMatch } from "@std/assert";
import { assertFails, lowrankArgs, spawnLowrank, spawnProgram } from "../cli/lowrank.ts";
import { filesIn, withFolder } from "../../scripts/support/folders.ts";
import { golden } from "../support/golden.ts";
import { ask, assertRefused, copyAdapter, ownAdapters } from "./served.ts";

const tiny = ["--model", "models/tiny-gpt2"], quiet = ["--quiet", "--json", "--port", "0"];

/** A server that runs as the task does. */
interface Running {
  readonly child: Deno.ChildProcess;
  /** The line that it prints once it listens. */
  readonly line: { readonly address: string; readonly model: string; readonly adapters: string[] };
  /** Everything that comes after it. */
  readonly rest: Promise<string>;
}

async function start(...args: string[]): Promise<Running> {
  const child = spawnLowrank("serve", ...tiny, ...quiet, ...args);
  const reader = child.stdout.pipeThrough(new TextDecoderStream()).getReader();
  let text = "";
  while (!text.includes("\n")) {
    const { value, done } = await reader.read();
    if (done) throw new Error(`it ended: ${await new Response(child.stderr).text()}`);
    text += value;
  }
  const rest = async () => {
    let more = "";
    for (let part; !(part = await reader.read()).done;) more += part.value;
    return more;
  };
  return { child, line: JSON.parse(text), rest: rest() };
}

async function withAdapters(use: (folder: string) => Promise<void>): Promise<void> {
  await withFolder(async (folder) => {
    for (const name of ownAdapters) await copyAdapter(folder, name);
    await Deno.writeTextFile(`${folder}/notes.txt`, "no adapter");
    await Deno.mkdir(`${folder}/empty`);
    await use(folder);
  });
}

/** Every file of the adapters in a folder. */
const bytesIn = (folder: string) =>
  Promise.all(
    ownAdapters.flatMap((name) =>
      filesIn(`${folder}/${name}`).map((file) => Deno.readFile(`${folder}/${name}/${file}`))
    ),
  );

const long = { prompt: "boat", max_tokens: 60 };

Deno.test("a server that is killed while it answers loses nothing: the next one has every adapter", () =>
  withAdapters(async (folder) => {
    const before = await bytesIn(folder), asked = { ...long, adapter: "qv-r8-seed1" };
    const first = await start("--adapters", folder), { address, ...line } = first.line;
    assertEquals(line, { model: "models/tiny-gpt2", adapters: [...ownAdapters] });
    const { json: { choices: [{ text }] } } = await ask(address, "/v1/completions", asked);
    await ask(address, "/v1/unload_lora_adapter", { lora_name: "q-r64-seed1" });
    const loading = ask(address, "/v1/load_lora_adapter", { lora_name: "q-r64-seed1" });
    const cut = Array.from({ length: 8 }, () => ask(address, "/v1/completions", asked));
    const outcomes = Promise.allSettled([loading, ...cut]);
    first.child.kill("SIGKILL");
    await Promise.all([first.child.status, first.rest, outcomes, first.child.stderr.cancel()]);
    assertEquals(await bytesIn(folder), before);
    const second = await start("--adapters", folder);
    assertEquals(second.line.adapters, [...ownAdapters]);
    const { json } = await ask(second.line.address, "/v1/completions", asked);
    assertEquals(json.choices[0].text, text);
    second.child.kill("SIGTERM");
    const [{ code }] = await Promise.all([second.child.status, second.rest]);
    assertEquals([code, await new Response(second.child.stderr).text()], [143, ""]);
  }));

Deno.test({
  name: "a signal ends it: all who asked hear something, and who says nothing holds nobody up",
  ignore: Deno.build.os === "windows",
  fn: async () => {
    const { child, line: { address }, rest } = await start("--rows", "1");
    const port = Number(new URL(address).port);
    using silent = await Deno.connect({ hostname: "127.0.0.1", port });
    await silent.write(new TextEncoder().encode("POST /v1/completions HTTP/1.1\r\nHost: loc"));
    using slow = await Deno.connect({ hostname: "127.0.0.1", port });
    const head = "POST /v1/completions HTTP/1.1\r\nHost: localhost\r\nContent-Length: 9\r\n\r\n{";
    await slow.write(new TextEncoder().encode(head));
    const asked = Array.from({ length: 40 }, () => ask(address, "/v1/completions", long));
    await asked[0];
    await ask(address, "/v1/models"); // It comes after them.
    child.kill("SIGINT");
    for (const answer of await Promise.all(asked)) {
      if (answer.status !== 200) assertRefused(answer, 503, "the server is stopping");
    }
    const [{ code }] = await Promise.all([child.status, rest]);
    assertEquals([code, await new Response(child.stderr).text()], [130, ""]);
  },
});

Deno.test("what it cannot serve is one sentence, and exit code 1", () =>
  withAdapters(async (folder) => {
    const port = (server: Deno.Listener) => String((server.addr as Deno.NetAddr).port);
    {
      using taken = Deno.listen({ hostname: "127.0.0.1", port: 0 });
      const rule = `cannot listen at port ${
        port(taken)
      }: another program has it: give another --port`;
      await assertFails(["serve", ...tiny, "--port", port(taken)], rule);
    }
    const serve = (...args: string[]) => ["serve", ...tiny, "--port", "0", ...args];
    await assertFails(serve("--port", "65536"), "It must be a whole number below 65536");
    for (const rows of ["4097", "1000000000"]) {
      await assertFails(serve("--rows", rows), "It must be a whole number from 1 to 4096");
    }
    await assertFails(
      serve("--length", "65"),
      "length must be at most the model's 64 positions, found 65",
    );
    await assertFails(serve("--adapters", `${folder}/none`), "cannot read", "it does not exist");
    await assertFails(serve("--adapters", "hf:me/adapters"), "needs a folder on this machine");
    const one = `found an adapter in ${folder}/qv-r8-seed1: give the folder around it`;
    await assertFails(serve("--adapters", `${folder}/qv-r8-seed1`), one);
    const encoder = ["serve", "--model", "models/tiny-roberta"];
    await assertFails(encoder, "a model that predicts the next token, found RoBERTa");
    await assertFails(["serve", "--model", golden("adapters/peft_c_attn")], "needs the base model");
    const token = `${folder}/token`;
    for (const text of ["", "two\nlines", "a b", "\u00e9"]) {
      await Deno.writeTextFile(token, text);
      await assertFails(serve("--token-file", token), "--token-file needs a file of one line");
    }
    await copyAdapter(folder, "k-r8-seed1", "broken");
    await Deno.truncate(`${folder}/broken/adapter_model.safetensors`, 1000);
    await assertFails(serve("--adapters", folder), `${folder}/broken`);
    await Deno.remove(`${folder}/broken`, { recursive: true });
    await Deno.symlink(`${folder}/qv-r8-seed1`, `${folder}/link`);
    await assertFails(
      serve("--adapters", folder),
      `--adapters needs folders in ${folder} itself, found a link: "link"`,
    );
  }));

Deno.test("a person is told where it is, and that anybody may ask; with a token, that they may not", () =>
  withFolder(async (folder) => {
    await Deno.writeTextFile(`${folder}/token`, "s3cret\n");
    await Deno.mkdir(`${folder}/empty`);
    for (const args of [[], ["--token-file", `${folder}/token`, "--adapters", folder]]) {
      const child = spawnProgram(
        Deno.execPath(),
        ...lowrankArgs("serve", ...tiny, "--port", "0", ...args),
      );
      const [shown, ended] = child.stdout.tee(), reader = shown.getReader();
      const line = new TextDecoder().decode((await reader.read()).value);
      const [, address] = /^(http:\/\/127\.0\.0\.1:\d+) serves models\/tiny-gpt2 and 0 adapters; /
        .exec(line)!;
      assertEquals((await ask(address, "/v1/models")).status, args.length > 0 ? 401 : 200);
      child.kill("SIGTERM");
      const [stderr] = await Promise.all([
        new Response(child.stderr).text(),
        new Response(ended).text(),
        child.status,
        reader.cancel(),
      ]);
      assertMatch(
        stderr,
        args.length > 0
          ? /^no adapter, passed over: empty\ndevice: [^\n]+\nstopping\n$/
          : /^no token: every program/,
      );
    }
  }));
