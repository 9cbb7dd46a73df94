import '../use-simulator.js';
import '../scenarios/pixels.js';
