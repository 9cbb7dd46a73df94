/**
 * The kernels compiled for the processor, against the twins that the simulator runs: what the tests see of a simulated GPU
 * is what the kernels do.
 */
import { describe, it } from 'node:test';
import { compareWithTwins, missingCompilers } from './kernels-on-cpu.js';

describe('the kernels and their twins', { skip: missingCompilers() }, () => {
  it('write the same rings', { timeout: 120_000 }, () => {
    compareWithTwins({
      program: 'compare.cpp',
      kernels: {
        ring: [
          [/asm volatile\("st\.relaxed\.sys\.global\.u32.*/, '*(volatile u32 *)address = value;'],
          [
            /asm volatile\("st\.relaxed\.sys\.global\.f64.*/,
            '*(volatile double *)address = value;',
          ],
        ],
      },
      twins: ['ring-kernels'],
      rounds: 12,
    });
  });

  it('make the same pictures, and draw the same over them', { timeout: 120_000 }, () => {
    compareWithTwins({
      program: 'compare-pictures.cpp',
      kernels: { pixels: [], overlay: [] },
      twins: ['pixel-kernels', 'overlay-kernels'],
      rounds: 300,
    });
  });
});
