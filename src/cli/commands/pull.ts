/** `lowrank pull`. @module */

import { howMany } from "../../core/numbers.ts";
import { formatBytes } from "../../figures/format.ts";
import { pull } from "../../models/pull.ts";
import type { PullProgress } from "../../storage/hub_cache.ts";
import type { HubFile } from "../../storage/hub_client.ts";
import { ProgressBar } from "../../terminal/progress.ts";
import type { LowrankCommand } from "../command.ts";
import { type CommonOptions, print, table } from "../common.ts";
import { Argument } from "../options.ts";

const help = `
Only what can be used is downloaded: the configuration, the tokenizer, and the
weights in safetensors files. It goes to the cache of Hugging Face's own tools,
so that what one of them has downloaded is there for the others. A download
that was interrupted is taken up where it stopped, and used only if its size and
its digest are as the hub lists them; of what is there already, the size is
compared.

A revision is a branch, a tag or a commit. Commands that take a folder take the
same name: they download what they need, so that pull can be left out.

Variables:
  HF_HOME         where the cache is (default: ~/.cache/huggingface)
  HF_TOKEN        token for private and gated repositories
  HF_ENDPOINT     another hub (default: https://huggingface.co)
  HF_HUB_OFFLINE  1 uses the cache and nothing else

JSON: {"commit", "folder", "files"}, with the bytes of each file.`;

/** Downloads a model or an adapter. */
export const pullCommand: LowrankCommand = {
  name: "pull",
  summary: "download a model or an adapter from the Hugging Face hub",
  arguments: [
    new Argument("<name>", "hf:OWNER/NAME, hf:OWNER/NAME@REVISION or hf:OWNER/NAME/FILE.gguf"),
  ],
  permissions: ["read", "write", "net"],
  help,
  example: "pull hf:openai-community/gpt2",
  run,
};

async function run(name: string, options: CommonOptions): Promise<void> {
  const pulled = await pull(name), { commit, folder, files } = pulled;
  const rows = Object.entries(files), bytes = rows.reduce((sum, [, size]) => sum + size, 0);
  print(options, pulled, () =>
    [
      table(rows, [["file", ([file]) => file], ["size", ([, size]) => formatBytes(size)]]),
      "",
      `${howMany(rows.length, "file")}, ${formatBytes(bytes)}, of commit ${commit} in`,
      folder,
    ].join("\n"));
}

/** A listener that shows a bar for each file; none if the arguments ask for quiet. */
export function showPull(args: readonly string[]): (progress: PullProgress) => void {
  if (args.includes("--quiet")) return () => {};
  let shown: { file: HubFile; bar: ProgressBar } | undefined;
  return ({ file, bytes }) => {
    if (shown?.file !== file) shown = { file, bar: new ProgressBar(file.path) };
    const total = formatBytes(file.bytes);
    shown.bar.report(bytes / file.bytes, `${formatBytes(bytes)} of ${total}`);
  };
}
