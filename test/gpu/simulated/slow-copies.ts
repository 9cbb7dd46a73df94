/** Copies take 3 ms a frame, so that what is read before its copy is made shows. */
process.env['SLUICE_SIMULATED_COPY_US_PER_MIB'] = '200000';
