import { gpuRingInstances } from './gpu-ring-instances.js';
import { testInstances } from './test-instances.js';

testInstances('rings that GPUs write', gpuRingInstances);
