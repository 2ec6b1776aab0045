import { coreDevices, testOn } from "../support/devices.ts";
import { checks } from "./live_bytes_checks.ts";

await testOn(coreDevices, checks);
