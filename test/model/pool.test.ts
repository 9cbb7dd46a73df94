import { poolInstances } from './instances.js';
import { testInstances } from './test-instances.js';

testInstances('the frame pool', poolInstances);
