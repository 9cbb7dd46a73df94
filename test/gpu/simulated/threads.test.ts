import '../use-simulator.js';
import '../scenarios/threads.js';
