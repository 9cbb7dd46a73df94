import '../use-simulator.js';
import '../scenarios/taps.js';
