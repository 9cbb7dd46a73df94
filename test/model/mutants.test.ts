import { fenceMutants } from './fence-mutants.js';
import { gpuRingMutants } from './gpu-ring-mutants.js';
import { guardMutants } from './guard-instances.js';
import { poolMutants } from './pool-mutants.js';
import { ringMutants } from './ring-mutants.js';
import { ringOrderMutants } from './ring-order-mutants.js';
import { testMutants } from './test-instances.js';

testMutants('a fault planted in the frame pool is found', poolMutants);
testMutants('a fault planted in the message rings is found', ringMutants);
testMutants('a wrong order planted in the message rings is found', ringOrderMutants);
testMutants('a fault planted in the fences is found', fenceMutants);
testMutants('a fault planted in the guard of the fences is found', guardMutants);
testMutants('a fault planted in kernels that write a ring is found', gpuRingMutants);
