import '../use-simulator.js';
import '../scenarios/overlay.js';
