import { coreDevices, testOn } from "../support/devices.ts";
import { checks } from "./golden_checks.ts";

await testOn(coreDevices, checks);
