/** Faults of what everything stands on: files, numbers, formats. @module */

import { type Fault, fault } from "../fault.ts";

/** Faults of core, linalg, analysis, architectures, quant, tokenizer, formats, metrics and data. */
export const groundFaults: readonly Fault[] = [
  fault(
    "a link may lead to another folder whose name begins like its own",
    "src/storage/open_file.ts",
    "if ([own, blobs].includes(folderOf(target))) return target;",
    "if ([own, blobs].some((one) => target.startsWith(one))) return target;",
  ),
  fault(
    "a new file takes the place of the old one before the disk has it",
    "src/storage/files.ts",
    "    await this.#try(() => file.sync());\n",
    "",
  ),
  fault(
    "the last file of a save may be on the disk before the others",
    "src/storage/folder.ts",
    "      await disk.syncFolder(folder);\n      await last?.place();",
    "      await last?.place();",
  ),
  fault(
    "the token goes to every server that the hub names",
    "src/storage/hub_client.ts",
    "if (token && url.origin === new URL(endpoint).origin) {",
    "if (token) {",
  ),
  fault(
    "control characters from 0x80 on reach the terminal",
    "src/core/errors.ts",
    "/^[\\x20-\\x7e\\xa1-",
    "/^[\\x20-\\x9f\\xa1-",
  ),
  fault(
    "leading singular values are searched without directions to spare",
    "src/linalg/range_finder.ts",
    "(options.oversampling ?? 10)",
    "(options.oversampling ?? 0)",
  ),
  fault(
    "φ is divided by the larger number of directions",
    "src/analysis/subspaces.ts",
    "above[j] / (Math.min(i, j) + 1)",
    "above[j] / (Math.max(i, j) + 1)",
  ),
  fault(
    "the tenth block comes before the second",
    "src/architectures/architecture.ts",
    ".sort((a, b) => a - b)",
    ".sort()",
  ),
  fault(
    "half of the last byte of an odd number of values is not that of 0",
    "src/quant/quantize.ts",
    "codes[2 * i + 1] ?? codeOf(0, rounding)",
    "codes[2 * i + 1] ?? 0",
  ),
  fault(
    "of equally frequent pairs the one with the largest ids is merged",
    "src/tokenizer/train.ts",
    "best !== undefined && pair < best",
    "best !== undefined && pair > best",
  ),
  fault(
    "a file of weights may have bytes behind its tensors",
    "src/formats/safetensors/header.ts",
    "if (end !== fileBytes) {",
    "if (end > fileBytes) {",
  ),
  fault(
    "a shard may be in another folder",
    "src/formats/safetensors/shards.ts",
    "/^[^/\\\\]+\\.safetensors$/",
    "/\\.safetensors$/",
  ),
  fault(
    "a name in a model card ends its own code",
    "src/formats/peft/card.ts",
    'terminalLine(text.replaceAll("`", "\'"))',
    "terminalLine(text)",
  ),
  fault(
    "BLEU takes the longer of two references that are equally close",
    "experiments/text_metrics/bleu.ts",
    "other < best",
    "other > best",
  ),
  fault(
    "every pass masks the same tokens",
    "src/data/masked_batches.ts",
    "random.split(2 * index + 1)",
    "random.split(1)",
  ),
];
