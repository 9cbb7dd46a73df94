import '../use-simulator.js';
import '../scenarios/filter.js';
