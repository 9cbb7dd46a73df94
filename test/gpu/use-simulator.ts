/**
 * Imported before the scenarios, it makes this process and its children use the simulated driver. Where there is no
 * compiler for it the scenarios are skipped and say so.
 */
import { simulatedCuda } from '../cuda-simulator/simulator.js';

const simulator = simulatedCuda();
if ('path' in simulator) process.env['SLUICE_CUDA_LIBRARY'] = simulator.path;
else process.env['SLUICE_TESTS_SKIPPED'] = simulator.skip;
process.env['SLUICE_TESTS_SIMULATED'] = '1';
