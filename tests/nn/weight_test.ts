/** Weights in another storage on the devices that every machine has. */

import { coreDevices, testOn } from "../support/devices.ts";
import { checks } from "./checks.ts";
import { fourBitChecks } from "./four_bit_checks.ts";

await testOn(coreDevices, [...checks, ...fourBitChecks]);
