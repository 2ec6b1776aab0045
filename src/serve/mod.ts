/** A server of many adapters over one base, on this machine. @module */

export { AdapterFolders } from "./adapter_folders.ts";
export { Serving, type ServingOptions } from "./serving.ts";
