import '../use-simulator.js';
import '../scenarios/ends.js';
import '../scenarios/epochs.js';
