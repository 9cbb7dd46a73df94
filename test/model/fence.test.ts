import { fenceInstances } from './fence-instances.js';
import { testInstances } from './test-instances.js';

testInstances('frames that GPUs write and read', fenceInstances);
