import '../use-simulator.js';
import '../scenarios/messages.js';
