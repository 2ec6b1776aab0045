import { coreDevices, testOn } from "../support/devices.ts";
import { publishedBatches } from "./published_batches.ts";

await testOn(coreDevices, publishedBatches);
