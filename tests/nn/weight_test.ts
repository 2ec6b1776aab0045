/** Weights in another storage on the devices that every machine has. */

import { testOnCoreDevices } from "../support/devices.ts";
import { checks } from "./checks.ts";
import { fourBitChecks } from "./four_bit_checks.ts";

testOnCoreDevices([...checks, ...fourBitChecks]);
