import { testOn, webgpu } from "../support/devices.ts";
import { publishedBatches } from "./published_batches.ts";

await testOn([webgpu], publishedBatches);
