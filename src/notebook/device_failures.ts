/** Failures of a GPU in the cell. @module */

import { onDeviceFailure } from "../device/failures.ts";
import { warn } from "./kernel.ts";

/** A read that comes within this time throws the failure, and the cell is red without us. */
const patienceMs = 500;

let listening = false;

/** Shows what goes wrong on a device and nobody reads: a lost device, a program that does not compile. */
export function showDeviceFailures(): void {
  if (listening) return;
  listening = true;
  onDeviceFailure((failure) => {
    setTimeout(() => {
      if (!failure.thrown) warn(failure.message);
    }, patienceMs);
  });
}
