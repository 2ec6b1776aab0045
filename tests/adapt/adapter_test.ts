import { coreDevices, testOn } from "../support/devices.ts";
import { checks } from "./checks.ts";

await testOn(coreDevices, checks);
