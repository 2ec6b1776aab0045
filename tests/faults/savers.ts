/** Everything that saves, as tests of faults try it. @module */

import { readText, writeFileAtomic } from "../../src/storage/files.ts";
import { saveFolder } from "../../src/storage/folder.ts";
import { saveTokenizer, trainBytePairs } from "../../src/tokenizer/mod.ts";
import { adapterSavers } from "./adapter_savers.ts";
import type { Saver, TestedSaver } from "./check_saver.ts";
import { modelSavers } from "./model_savers.ts";

/** Files of which one is new, one is replaced, and one is gone; two of them a reader needs. */
export const fewFiles: Saver & Required<Pick<Saver, "prepare">> = {
  groups: [{ key: "config", names: ["config", "fresh", "weights", "obsolete"] }],
  prepare: (folder) => saveFew(folder, ["weights", "obsolete", "config"], "old"),
  save: (folder) => saveFew(folder, ["weights", "fresh", "config"], "new"),
  read: (folder) => readText(`${folder}/config`),
};

async function saveFew(folder: string, names: string[], text: string): Promise<void> {
  const files = names.map((name) => ({ name, content: `${text} ${name}` }));
  await saveFolder(folder, files, () => text === "new" ? ["obsolete"] : []);
}

/** One file. */
export const oneFile: Saver & Required<Pick<Saver, "prepare">> = {
  groups: [{ key: "file", names: ["file"] }],
  prepare: (folder) => writeFileAtomic(`${folder}/file`, "the old one"),
  save: (folder) => writeFileAtomic(`${folder}/file`, "the new content"),
  read: (folder) => readText(`${folder}/file`),
};

/** The plain ones, whose every operation is tried in core. */
export const plainSavers: readonly TestedSaver[] = [
  {
    name: "one file is old or new",
    killed: ["new", "old"],
    withSaver: (check) => check(oneFile),
  },
  {
    name: "one new file is whole or absent",
    killed: ["new", "refused"],
    withSaver: (check) => check({ ...oneFile, prepare: undefined }),
  },
  {
    name: "a folder of few files is old, new or refused",
    withSaver: (check) => check(fewFiles),
  },
];

const tokenizerSaver: TestedSaver = {
  name: "a tokenizer is old, new or refused",
  withSaver: async (check) => {
    const train = (text: string, specialToken: string) =>
      trainBytePairs([text], { vocabularySize: 260, specialToken });
    const [old, fresh] = [train("old old old", "<|old|>"), train("new new new", "<|new|>")];
    await check({
      groups: [{ key: "tokenizer.json", names: ["tokenizer_config.json", "tokenizer.json"] }],
      prepare: (folder) => saveTokenizer(folder, old),
      save: (folder) => saveTokenizer(folder, fresh),
      read: (folder) => readText(`${folder}/tokenizer.json`),
    });
  },
};

/** All others. */
export const savers: readonly TestedSaver[] = [...adapterSavers, ...modelSavers, tokenizerSaver];
