import '../use-simulator.js';
import '../scenarios/reading.js';
