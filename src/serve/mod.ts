/** A server of many adapters over one base, on this machine. @module */

export { Serving, type ServingOptions } from "./serving.ts";
