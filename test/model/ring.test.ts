import { ringInstances } from './instances.js';
import { testInstances } from './test-instances.js';

testInstances('the message rings', ringInstances);
