import { describeCudaMemory } from '../conformance/cuda-memory.js';
import { skip } from './place.js';

describeCudaMemory(skip);
