import { testOnCoreDevices } from "../support/devices.ts";
import { publishedBatches } from "./published_batches.ts";

testOnCoreDevices(publishedBatches);
