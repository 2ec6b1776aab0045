/** Progress of downloads from the hub on standard error. @module */

import type { HubFile } from "../core/hub/listing.ts";
import type { PullProgress } from "../core/hub/download.ts";
import { ProgressBar } from "../core/progress_bar.ts";
import { formatBytes } from "../figures/format.ts";

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
