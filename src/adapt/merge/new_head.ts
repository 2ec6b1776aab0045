/** The head of a model's files that an adapter replaces by one that it trained in full. @module */

import type { Architecture } from "../../architectures/architecture.ts";
import type { ConfigJson } from "../../architectures/config_fields.ts";
import { architectureOf, legacyName } from "../../architectures/registry.ts";
import { oneLine } from "../../core/errors.ts";
import { formatShape, type HostTensor, sameShape, type Shape } from "../../core/tensor.ts";
import type { AdapterFolder } from "../../formats/peft/adapter_folder.ts";
import { labelsIn } from "../../formats/peft/read.ts";
import type { BaseFile } from "../../models/base_file.ts";
import { labelsOfConfig, withLabels } from "../../models/labels.ts";
import { runnableTypes } from "../../models/registry.ts";
import { folderName } from "../../storage/storage.ts";

/** A model's files with another head. */
export interface NewHead {
  /** The configuration. */
  readonly config: ConfigJson;
  /** New name of a tensor of the old files; `undefined` for one of the old head. */
  readonly nameOf: (key: string) => string | undefined;
}

/** Files that keep their head. */
export const sameHead = (config: ConfigJson): NewHead => ({ config, nameOf: (key) => key });

/**
 * The base with the head that an adapter trained in full, in place of its own: a classifier's, or one that is no
 * longer tied to the embedding.
 *
 * @param saved Tensors that the adapter trained in full, of which the base lacks some.
 * @throws {RangeError} when that is no head of the base's family, or not all of it.
 */
export async function newHead(
  base: BaseFile,
  open: AdapterFolder,
  saved: ReadonlyMap<string, HostTensor>,
): Promise<NewHead> {
  const isNew = (name: string) => base.find(name).length !== 1;
  const names = [...saved.keys()].filter(isNew);
  if (names.every((name) => name === "lm_head.weight")) {
    return sameHead({ ...base.config, tie_word_embeddings: false });
  }
  const config = await classifierOf(base, open), place = folderName(open.folder);
  const known = new Map(config && architectureOf(config).tensors.map((one) => [one.name, one]));
  const isMissing = (name: string) => isNew(name) && isNew(legacyName(name)) && !saved.has(name);
  const missing = config && [...known.keys()].find(isMissing);
  const unknown = missing ?? names.find((name) => !known.has(name));
  if (config === undefined || unknown !== undefined) {
    throw new RangeError(
      `cannot merge the adapter in ${place}: the base must have all tensors that were trained in full, ` +
        `found no ${
          oneLine(unknown ?? names[0])
        } in ${base.folder}: save the base with that head first`,
    );
  }
  for (const name of names) assertHeadShape(place, name, known.get(name)!.shape, saved.get(name)!);
  return { config, nameOf: namesBeside(architectureOf(config), base) };
}

function assertHeadShape(place: string, name: string, wanted: Shape, { shape }: HostTensor): void {
  if (sameShape(wanted, shape)) return;
  throw new RangeError(
    `cannot merge the adapter in ${place}: ${oneLine(name)} must be ${formatShape(wanted)}, found ${
      formatShape(shape)
    }`,
  );
}

/** The base's configuration as that of a classifier, if it runs, is none, and the adapter trained one. */
async function classifierOf(
  { config }: BaseFile,
  open: AdapterFolder,
): Promise<ConfigJson | undefined> {
  const isRunnable = runnableTypes.some((type) => type === config.model_type);
  if (!isRunnable || labelsOfConfig(config)) return undefined;
  const labels = labelsIn(await open.weights());
  return labels && withLabels(config, labels);
}

/** Names beside a new head: with the trunk's prefix, and without the modules of the old head. */
function namesBeside({ trunk, tensors }: Architecture, { file, config }: BaseFile) {
  const names = new Set(tensors.map(({ name }) => name)), old = architectureOf(config);
  const rootOf = (name: string) => name.replace(trunk, "").split(".")[0];
  const gone = [...old.tensors, ...old.besides ?? []].map(({ name }) => name)
    .concat(old.copies ?? [])
    .filter((name) => !names.has(name) && !names.has(trunk + name));
  const roots = new Set(gone.map(rootOf));
  const isBare = ![...file.tensors.keys()].some((key) => key.startsWith(trunk));
  return (key: string): string | undefined => {
    const name = isBare && !names.has(key) ? trunk + key : key;
    return !names.has(name) && roots.has(rootOf(key)) ? undefined : name;
  };
}
