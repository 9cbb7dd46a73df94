import '../use-simulator.js';
import '../scenarios/demo-text.js';
