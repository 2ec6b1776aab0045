/** Recognizing adapters of PyPI's `adapters` library (AdapterHub). @module */

import { isRecord, isText } from "../core/json.ts";
import type { Json } from "./json.ts";

/** Whether a configuration is the library's, or ours for it. */
export const isHubConfig = ({ config, name }: Json): boolean => isRecord(config) && isText(name);

/** What the library calls the method of such a configuration: `bottleneck` where it has no name for it. */
export function hubMethod({ config }: Json): unknown {
  const { architecture } = isRecord(config) ? config : {};
  return architecture ?? "bottleneck";
}
