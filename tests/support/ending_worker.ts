/** A worker with updates that ends when it is told to, or at its first task if that is its name. @module */

import "../../src/inspect/update_worker.ts";

const scope = globalThis as unknown as {
  readonly name: string;
  onmessage: (event: MessageEvent) => void;
};
const { name, onmessage } = scope;

scope.onmessage = (event) => {
  if (event.data === "end" || name === "during a task") throw new Error(`ended ${name}`);
  onmessage(event);
};
