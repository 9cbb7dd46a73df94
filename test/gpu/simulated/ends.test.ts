import '../use-simulator.js';
import '../scenarios/ends.js';
