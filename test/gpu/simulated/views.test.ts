import '../use-simulator.js';
import '../scenarios/views.js';
