/** `lowrank serve`. @module */

import { mostServedRows } from "../../core/limits.ts";
import { howMany } from "../../core/numbers.ts";
import { configFile } from "../../formats/peft/keys.ts";
import { AdapterFolders, Serving } from "../../serve/mod.ts";
import { readText } from "../../storage/files.ts";
import { isHubName } from "../../storage/hub_name.ts";
import { hasFile, pathIn } from "../../storage/storage.ts";
import { Interrupt } from "../../terminal/interrupt.ts";
import { loadTokenizer } from "../../tokenizer/mod.ts";
import { assertLanguageModel } from "../cases.ts";
import { type LowrankCommand, option, required } from "../command.ts";
import {
  assertModelFolder,
  type CommonOptions,
  loadAdapted,
  note,
  noteOtherBase,
  openChosen,
  print,
} from "../common.ts";
import {
  type AllowOption,
  allowOption,
  type BaseDtypeOption,
  baseDtypeOption,
  modelFolder,
  numberUpTo,
  portNumber,
  positiveNumber,
} from "../options.ts";

interface ServeOptions extends CommonOptions, AllowOption, BaseDtypeOption {
  readonly model: string;
  readonly adapters?: string;
  readonly port: number;
  readonly tokenFile?: string;
  readonly rows?: number;
  readonly length?: number;
  readonly queue: number;
}

const help = `
Example:
  lowrank serve --model models/tiny-gpt2 --adapters models/rank-study

  curl http://127.0.0.1:8000/v1/completions \\
    -H "Content-Type: application/json" \\
    -d '{"adapter": "qv-r8-seed1", "prompt": "oak (plant):", "max_tokens": 8}'

Only programs on this machine can connect. Addresses are those of vLLM: GET
/v1/models, and POST /v1/completions, /v1/load_lora_adapter and
/v1/unload_lora_adapter.

With a temperature, a request without a seed has seed 0: everybody who asks the
same gets the same text.

JSON: {"address", "model", "adapters"} in a line once it listens.`;

/** Answers requests over HTTP until a signal ends it. */
export const serveCommand: LowrankCommand = {
  name: "serve",
  summary: "answer requests over HTTP, each with its own adapter",
  options: [
    required(
      "--model <folder>",
      "Hugging Face folder with a tokenizer.json, or GGUF file",
      modelFolder,
    ),
    option("--adapters <folder>", "folder of folders: each is an adapter, and has its name"),
    allowOption(),
    baseDtypeOption(),
    option("--port <n>", "port on 127.0.0.1; 0 for one that is free", portNumber, 8000),
    option(
      "--token-file <file>",
      "file of one line: requests need the header Authorization: Bearer TOKEN",
    ),
    option(
      "--rows <n>",
      "most requests answered at once (default: 32, or as many as 1 GiB of keys and values holds)",
      numberUpTo(mostServedRows),
    ),
    option(
      "--length <n>",
      "most tokens of a prompt with its answer (default: the model's context)",
      positiveNumber,
    ),
    option("--queue <n>", "most requests that wait for their turn", positiveNumber, 256),
  ],
  uses: ["--device"],
  permissions: ["read", "net", "device"],
  help,
  run,
};

async function run(options: ServeOptions): Promise<void> {
  const { model: folder, adapters, allow, port, tokenFile, rows, length, queue } = options;
  await assertModelFolder(folder);
  await assertLanguageModel(folder);
  if (adapters !== undefined) {
    await assertFolderOfAdapters(adapters);
    const others = await new AdapterFolders(adapters).others();
    if (others.length > 0) note(options, `no adapter, passed over: ${others.join(", ")}`);
  }
  if (tokenFile === undefined) {
    note(options, "no token: every program on this machine may ask (--token-file)");
  }
  const token = tokenFile === undefined ? undefined : await readToken(tokenFile);
  const tokenizer = await loadTokenizer(folder);
  using device = await openChosen(options);
  using loaded = await loadAdapted(device, folder, [], { ...options, allow: undefined });
  using interrupt = new Interrupt().listen();
  {
    const limits = { rows, length, queue }, own = { name: folder, adapters, allow, port, token };
    await using serving = await Serving.start(loaded.model, tokenizer, { ...own, ...limits });
    const { address, served: { engine: { adapters: names } } } = serving;
    await noteOtherBase(options, folder, names.map((name) => pathIn(adapters!, name)));
    print(
      options,
      { address, model: folder, adapters: names },
      () => `${address} serves ${folder} and ${howMany(names.length, "adapter")}; Ctrl-C ends it`,
    );
    await aborted(interrupt.signal);
    note(options, "stopping");
  }
  interrupt.throwIfStopped();
}

/** Throws where the adapters are taken for something else than the folders in a folder. */
async function assertFolderOfAdapters(folder: string): Promise<void> {
  if (isHubName(folder)) {
    throw new RangeError(`--adapters needs a folder on this machine, found ${folder}`);
  }
  if (!await hasFile(folder, configFile)) return;
  throw new RangeError(
    `--adapters needs a folder of adapters, found an adapter in ${folder}: give the folder around it`,
  );
}

/** The token in a file, without the line break behind it. */
async function readToken(file: string): Promise<string> {
  const token = (await readText(file)).replace(/\r?\n$/, "");
  if (/^[\x21-\x7e]{1,4096}$/.test(token)) return token;
  throw new RangeError(
    `--token-file needs a file of one line of ASCII letters, digits and signs, found ${
      token === "" ? "nothing" : "something else"
    } in ${file}`,
  );
}

const aborted = (signal: AbortSignal): Promise<void> =>
  new Promise((resolve) => {
    if (signal.aborted) resolve();
    signal.addEventListener("abort", () => resolve(), { once: true });
  });
