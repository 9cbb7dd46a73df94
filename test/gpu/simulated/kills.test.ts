import '../use-simulator.js';
import '../scenarios/kills.js';
