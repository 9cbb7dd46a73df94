import '../use-simulator.js';
import '../scenarios/peers.js';
