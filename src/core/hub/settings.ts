/** What the environment says about the Hugging Face hub, by the variables of its own tools. @module */

import { mostAnswerMs, mostRemoteMs } from "../limits.ts";
import { environmentVariable } from "../platform.ts";
import { oneLine } from "../quote.ts";

/** Where the hub and its cache are. */
export interface HubSettings {
  /** Address of the hub, without a slash at its end. */
  readonly endpoint: string;
  /** What the hub knows the user by. */
  readonly token?: string;
  /** Folder of the cache. */
  readonly cache: string;
  /** Whether the hub must not be asked. */
  readonly isOffline: boolean;
  /** Time of an answer, and for each 32 KiB of a download, in milliseconds. */
  readonly answerMs: number;
  /** Time of the whole list of a repository's files, in milliseconds. */
  readonly listMs: number;
}

/**
 * Reads `HF_ENDPOINT`, `HF_TOKEN`, `HF_HUB_OFFLINE`, and for the cache `HF_HUB_CACHE`, `HF_HOME` or
 * `XDG_CACHE_HOME`, in this order, as `huggingface_hub` does.
 *
 * @throws {RangeError} when the endpoint is not an address, or the token cannot be sent.
 * @throws {Error} when there is no place for the cache.
 */
export function hubSettings(): HubSettings {
  const endpoint = (variable("HF_ENDPOINT") ?? "https://huggingface.co").replace(/\/+$/, "");
  if (!/^https?:$/.test(URL.parse(endpoint)?.protocol ?? "")) {
    throw new RangeError(
      `HF_ENDPOINT must begin with https:// or http://, found ${oneLine(endpoint)}`,
    );
  }
  const token = variable("HF_TOKEN");
  if (token && !/^[!-~]+$/.test(token)) {
    throw new RangeError("HF_TOKEN must be plain ASCII without spaces, found other characters");
  }
  return {
    endpoint,
    token,
    cache: cacheFolder(),
    isOffline: /^(1|on|yes|true)$/i.test(variable("HF_HUB_OFFLINE") ?? ""),
    answerMs: mostAnswerMs,
    listMs: mostRemoteMs,
  };
}

function cacheFolder(): string {
  const user = variable("HOME") ?? variable("USERPROFILE");
  const caches = variable("XDG_CACHE_HOME") ?? (user && `${user}/.cache`);
  const home = variable("HF_HOME") ?? (caches && `${caches}/huggingface`);
  const folder = variable("HF_HUB_CACHE") ?? (home && `${home}/hub`);
  if (folder) return user ? folder.replace(/^~(?=\/|$)/, user) : folder;
  throw new Error(
    "the cache of the Hugging Face hub needs a folder: set HF_HOME, and let the program read it " +
      "(--allow-env=HF_HOME)",
  );
}

/** A variable that is set to nothing counts as not set. */
const variable = (name: string): string | undefined =>
  environmentVariable(name)?.trim() || undefined;
