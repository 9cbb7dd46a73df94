import { guardInstances } from './guard-instances.js';
import { testInstances } from './test-instances.js';

testInstances('a subscriber and the guard of its fences', guardInstances);
