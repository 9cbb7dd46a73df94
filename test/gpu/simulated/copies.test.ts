import '../use-simulator.js';
import '../scenarios/copies.js';
