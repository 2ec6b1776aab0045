import { coreDevices, testOn } from "../support/devices.ts";
import { checks } from "./bitsandbytes_checks.ts";

await testOn(coreDevices, checks);
