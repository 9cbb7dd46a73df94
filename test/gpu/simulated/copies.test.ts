import './slow-copies.js';
import '../use-simulator.js';
import '../scenarios/copies.js';
