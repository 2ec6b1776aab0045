/** GPU failures, shown in the cell. @module */

import { onDeviceFailure } from "../device/failures.ts";
import { warn } from "./kernel.ts";

/** A read within this time throws the failure itself, and the cell turns red without our help. */
const patienceMs = 500;

let listening = false;

/** Shows device failures that no read reports: a lost device, a kernel that does not compile. */
export function showDeviceFailures(): void {
  if (listening) return;
  listening = true;
  onDeviceFailure((failure) => {
    setTimeout(() => {
      if (!failure.thrown) warn(failure.message);
    }, patienceMs);
  });
}
